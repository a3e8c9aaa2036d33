// SPDX-License-Identifier: MIT
//
// Unix sockets: names, who is there, descriptors on the way, datagrams; and every wait can be ended.
#include <pirn/net/unix.hpp>

#include "net/pairs.hpp"
#include "net/scarcity.hpp"

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace net = pirn::net;
using net::unix_address;
using namespace std::chrono_literals;

class unix_sockets : public support::balanced<> {
  protected:
    void SetUp() override {
        std::string pattern = std::filesystem::temp_directory_path() / "pirn-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override {
        EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "a path was left behind";
        std::filesystem::remove_all(folder_);
        balanced::TearDown();
    }

    unix_address path(const char* name = "socket") const {
        return unix_address::path((folder_ / name).native());
    }

  private:
    std::filesystem::path folder_;
};

void expect_talk(net::unix_stream& near, net::unix_stream& far) {
    near.write_all("ping");
    std::array<char, 8> buffer{};
    EXPECT_EQ(far.read(buffer), 4U);
    near.close();
    EXPECT_EQ(far.read(buffer), 0U);
}

TEST_F(unix_sockets, talk_by_path_and_by_abstract_name) {
    pirn::run([this] {
        const std::string unique = "pirn-test-" + std::to_string(::getpid());
        for (const auto& where : {path(), unix_address::abstract(unique)}) {
            auto listener = net::unix_listen(where);
            EXPECT_EQ(listener.local_address(), where);
            auto near = net::unix_connect(where);
            auto far = listener.accept();
            EXPECT_EQ(near.peer_address(), where);
            EXPECT_EQ(far.local_address(), where);
            EXPECT_TRUE(far.peer_address().is_unnamed());
            expect_talk(near, far);
        }
    });
}

TEST_F(unix_sockets, know_who_is_there) {
    pirn::run([this] {
        auto listener = net::unix_listen(path(), {.permissions = 0600});
        struct stat status{};
        ASSERT_EQ(::stat(std::string{path().name()}.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600U);
        auto near = net::unix_connect(path());
        auto far = listener.accept();
        for (const auto& each : {near.peer(), far.peer()}) {
            EXPECT_EQ(each.process, ::getpid());
            EXPECT_EQ(each.user, ::getuid());
            EXPECT_EQ(each.group, ::getgid());
        }
    });
}

TEST_F(unix_sockets, replace_a_path_that_nobody_listens_on_and_no_other) {
    pirn::run([this] {
        net::unix_listen(path(), {.remove_at_end = false}).close();
        std::error_code error;
        net::unix_listen(path(), {.replace_stale = false}, error);
        EXPECT_EQ(error, std::errc::address_in_use);
        auto listener = net::unix_listen(path());
        net::unix_listen(path(), {}, error);
        EXPECT_EQ(error, std::errc::address_in_use) << "somebody listens";
        EXPECT_TRUE(net::unix_connect(path()).is_open());
        listener.close();
        const std::string file{path("file").name()};
        ::close(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        net::unix_listen(path("file"), {}, error);
        EXPECT_EQ(error, std::errc::address_in_use);
        EXPECT_EQ(::unlink(file.c_str()), 0) << "a file is nobody's socket";
    });
}

TEST_F(unix_sockets, do_not_remove_what_another_has_put_in_their_place) {
    pirn::run([this] {
        auto listener = net::unix_listen(path());
        const std::string name{path().name()};
        ASSERT_EQ(::unlink(name.c_str()), 0);
        auto other = net::unix_listen(path());
        auto moved = std::move(listener);
        moved.close();
        EXPECT_TRUE(net::unix_connect(path()).is_open()) << "the other one is still there";
    });
}

TEST_F(unix_sockets, say_where_they_could_not_connect_or_listen) {
    pirn::run([this] {
        try {
            net::unix_connect(path("nobody"));
            ADD_FAILURE();
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
            EXPECT_NE(std::string_view{error.what()}.find("nobody"), std::string_view::npos);
        }
        EXPECT_THROW(net::unix_listen(path("no/such/folder")), std::system_error);
        EXPECT_THROW(net::unix_bind(path("no/such/folder")), std::system_error);
        EXPECT_THROW(net::unix_datagram_connect(path("nobody")), std::system_error);
    });
}

TEST_F(unix_sockets, wait_for_a_place_in_a_full_backlog) {
    pirn::run([this] {
        auto listener = net::unix_listen(path(), {.backlog = 1});
        std::vector<pirn::join_handle<>> clients;
        int connected = 0;
        for (int i = 0; i < 8; ++i) {
            clients.push_back(pirn::spawn([&] {
                auto stream = net::unix_connect(path());
                ++connected;
            }));
        }
        pirn::sleep_for(20ms);
        EXPECT_LT(connected, 8) << "the test does not test what it says";
        for (int i = 0; i < 7; ++i) listener.accept();
        for (auto i = 0; i < 1000 && connected < 8; ++i) pirn::sleep_for(1ms);
        EXPECT_EQ(connected, 8);
        for (auto& each : clients) each.get();
    });
}

// At each moment of a request's way from the kernel's first attempt to one of its worker threads.
TEST_F(unix_sockets, asked_to_stop_while_a_backlog_is_full_leave) {
    pirn::run([this] {
        auto listener = net::unix_listen(path(), {.backlog = 1});
        for (int round = 0; round < 20; ++round) {
            std::vector<pirn::join_handle<>> clients;
            for (int i = 0; i < 8; ++i) {
                clients.push_back(pirn::spawn([&] {
                    std::error_code error;
                    net::unix_connect(path(), error);
                    EXPECT_TRUE(!error || error == std::errc::operation_canceled) << error;
                }));
            }
            pirn::sleep_for(round == 0 ? 10ms : std::chrono::microseconds{100 * round});
            for (auto& each : clients) each.request_stop();
            for (auto& each : clients) each.get();
        }
    });
}

// What is read through a passed descriptor is what was written into its other end.
void expect_pipe(const pirn::os::handle& read_end, int write_end) {
    EXPECT_EQ(::write(write_end, "pipe", 4), 4);
    std::array<char, 8> buffer{};
    EXPECT_EQ(::read(read_end.get(), buffer.data(), buffer.size()), 4);
    EXPECT_NE(::fcntl(read_end.get(), F_GETFD) & FD_CLOEXEC, 0);
}

struct plain_pipe {
    plain_pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
    ~plain_pipe() {
        for (const int fd : ends) ::close(fd);
    }
    std::array<int, 2> ends{};
};

TEST_F(unix_sockets, pass_descriptors_with_bytes) {
    pirn::run([] {
        auto [near, far] = net::unix_pair();
        const plain_pipe one, other;
        EXPECT_EQ(near.send_descriptors("two", std::array{one.ends[0], other.ends[0]}), 3U);
        near.write_all("none");
        std::array<char, 16> buffer{};
        const auto got = far.receive_descriptors(buffer, 4);
        EXPECT_EQ(got.size, 3U);
        ASSERT_EQ(got.descriptors.size(), 2U);
        EXPECT_FALSE(got.descriptors_lost);
        expect_pipe(got.descriptors[0], one.ends[1]);
        expect_pipe(got.descriptors[1], other.ends[1]);
        const auto plain = far.receive_descriptors(buffer, 4);
        EXPECT_EQ(plain.size, 4U);
        EXPECT_TRUE(plain.descriptors.empty() && !plain.descriptors_lost);
        near.close();
        EXPECT_EQ(far.receive_descriptors(buffer, 4).size, 0U);
    });
}

TEST_F(unix_sockets, take_no_more_descriptors_than_wanted_and_say_so) {
    pirn::run([] {
        auto [near, far] = net::unix_pair();
        const plain_pipe pipe;
        const std::array four{pipe.ends[0], pipe.ends[0], pipe.ends[1], pipe.ends[1]};
        for (const std::size_t wanted : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
            near.send_descriptors("x", four);
            std::array<char, 4> buffer{};
            const auto got = far.receive_descriptors(buffer, wanted);
            EXPECT_EQ(got.descriptors.size(), wanted);
            EXPECT_TRUE(got.descriptors_lost);
        }
        std::vector<int> many(net::most_descriptors, pipe.ends[0]);
        near.send_descriptors("x", many);
        std::array<char, 4> buffer{};
        EXPECT_EQ(far.receive_descriptors(buffer, net::most_descriptors).descriptors.size(),
                  net::most_descriptors);
    });
}

TEST_F(unix_sockets, without_a_free_descriptor_say_that_some_were_lost) {
    pirn::run([] {
        auto [near, far] = net::unix_pair();
        const plain_pipe pipe;
        near.send_descriptors("x", std::array{pipe.ends[0]});
        const support::no_descriptor_left scarcity;
        std::array<char, 4> buffer{};
        const auto got = far.receive_descriptors(buffer, 1);
        EXPECT_EQ(got.size, 1U);
        EXPECT_TRUE(got.descriptors.empty());
        EXPECT_TRUE(got.descriptors_lost);
    });
}

TEST_F(unix_sockets, asked_to_stop_at_any_moment_lose_no_descriptor) {
    pirn::run([] {
        auto [near, far] = net::unix_pair();
        const plain_pipe pipe;
        std::size_t got = 0;
        constexpr std::size_t rounds = 500;
        const auto receive = [&] {
            std::error_code error;
            std::array<char, 1> buffer{};
            const auto message = far.receive_descriptors(buffer, 1, error);
            EXPECT_EQ(message.size, message.descriptors.size());
            got += message.size;
        };
        for (std::size_t round = 0; round < rounds; ++round) {
            auto receiver = pirn::spawn(receive);
            for (auto i = round % 3; i > 0; --i) pirn::yield_now();
            near.send_descriptors("x", std::array{pipe.ends[0]});
            for (auto i = round / 3 % 3; i > 0; --i) pirn::yield_now();
            receiver.request_stop();
            receiver.get();
        }
        while (got < rounds) receive();
        EXPECT_EQ(got, rounds);
    });
}

TEST_F(unix_sockets, keep_datagrams_apart_and_tell_of_those_that_were_cut) {
    pirn::run([] {
        auto [near, far] = net::unix_datagram_pair();
        const plain_pipe pipe;
        near.send("one");
        near.send("");
        near.send("three", std::array{pipe.ends[0]});
        std::array<char, 4> buffer{};
        auto got = far.receive(buffer);
        EXPECT_TRUE(got.size == 3 && !got.truncated);
        got = far.receive(buffer);
        EXPECT_TRUE(got.size == 0 && !got.truncated);
        got = far.receive(buffer, 1);
        EXPECT_TRUE(got.size == 4 && got.truncated);
        ASSERT_EQ(got.descriptors.size(), 1U);
        expect_pipe(got.descriptors[0], pipe.ends[1]);
    });
}

TEST_F(unix_sockets, send_datagrams_to_names_and_answer_them) {
    pirn::run([this] {
        auto server = net::unix_bind(path("server"));
        auto client = net::unix_bind(path("client"));
        auto connected = net::unix_datagram_connect(path("server"));
        client.send_to(path("server"), "question");
        connected.send("nameless");
        std::array<char, 16> buffer{};
        const auto question = server.receive(buffer);
        EXPECT_EQ(question.from, path("client"));
        EXPECT_TRUE(server.receive(buffer).from.is_unnamed());
        server.send_to(question.from, "answer");
        EXPECT_EQ(client.receive(buffer).from, path("server"));
        std::error_code error;
        client.send_to(path("nobody"), "x", {}, error);
        EXPECT_EQ(error, std::errc::no_such_file_or_directory);
        for (const auto& each : {path("server"), path("client")}) {
            ::unlink(std::string{each.name()}.c_str());
        }
    });
}

TEST_F(unix_sockets, wait_when_the_receivers_queue_is_full_and_lose_nothing) {
    pirn::run([this] {
        auto server = net::unix_bind(path());
        auto named = net::unix_bind({});
        auto connected = net::unix_datagram_connect(path());
        constexpr int each = 300;
        auto one = pirn::spawn([&] {
            for (int i = 0; i < each; ++i)
                named.send_to(path(), std::array{'n', static_cast<char>(i)});
        });
        auto other = pirn::spawn([&] {
            for (int i = 0; i < each; ++i) connected.send(std::array{'c', static_cast<char>(i)});
        });
        pirn::sleep_for(5ms);
        EXPECT_FALSE(one.done() && other.done()) << "the test does not test what it says";
        std::array<int, 256> next{};
        for (int i = 0; i < 2 * each; ++i) {
            std::array<char, 2> buffer{};
            EXPECT_EQ(server.receive(buffer).size, 2U);
            int& expected = next[static_cast<unsigned char>(buffer[0])];
            EXPECT_EQ(buffer[1], static_cast<char>(expected++));
        }
        one.get();
        other.get();
        ::unlink(std::string{path().name()}.c_str());
    });
}

TEST_F(unix_sockets, end_every_wait_when_they_are_closed_or_asked_to_stop) {
    pirn::run([this] {
        auto listener = net::unix_listen(path());
        auto full = net::unix_bind(path("full"));
        auto sender = net::unix_bind({});
        std::error_code send_error, receive_error, accept_error;
        auto sending = pirn::spawn([&] {
            while (!send_error) sender.send_to(path("full"), "x", {}, send_error);
        });
        auto receiving = pirn::spawn([&, socket = net::unix_bind({})]() mutable {
            std::array<char, 4> buffer{};
            socket.receive(buffer, 0, receive_error);
        });
        auto accepting = pirn::spawn([&] { listener.accept(accept_error); });
        pirn::sleep_for(5ms);
        sender.close();
        receiving.request_stop();
        listener.close();
        sending.get();
        receiving.get();
        accepting.get();
        EXPECT_EQ(send_error, std::errc::operation_canceled);
        EXPECT_EQ(receive_error, std::errc::operation_canceled);
        EXPECT_EQ(accept_error, std::errc::operation_canceled);
        ::unlink(std::string{path("full").name()}.c_str());
    });
}

} // namespace
