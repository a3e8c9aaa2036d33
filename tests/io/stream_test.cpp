// SPDX-License-Identifier: MIT
//
// What the interfaces make of the do_… functions, seen with streams that take and give as they are told.
#include <pirn/io/stream.hpp>

#include <pirn/base/error.hpp>
#include <pirn/runtime/runtime.hpp>
#include <pirn/runtime/sleep.hpp>
#include <pirn/runtime/spawn.hpp>

#include "support/account.hpp"
#include "support/misuse.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <system_error>

#include <gtest/gtest.h>

namespace {

using streams = support::balanced<>;

// Takes so many bytes at a time, and refuses after so many in all.
class scripted : public pirn::io::byte_stream {
  public:
    explicit scripted(std::size_t at_a_time, std::size_t in_all = 1 << 20)
        : at_a_time_{at_a_time}, in_all_{in_all} {}
    std::string taken;
    std::error_code refusal = std::make_error_code(std::errc::broken_pipe);

  protected:
    std::size_t do_read(pirn::mutable_bytes into, std::error_code& error) override {
        error = refusal;
        std::ranges::fill(into, std::byte{'r'});
        return error ? 0 : into.size();
    }
    std::size_t do_write(pirn::bytes from, std::error_code& error) override {
        error.clear();
        const std::size_t n = std::min({from.size(), at_a_time_, in_all_ - taken.size()});
        if (n == 0) error = refusal;
        taken.append(reinterpret_cast<const char*>(from.data()), n);
        return n;
    }
    void do_shutdown_write(std::error_code& error) override { error = refusal; }
    void do_close() noexcept override {}

  private:
    std::size_t at_a_time_;
    std::size_t in_all_;
};

TEST_F(streams, write_all_over_short_writes) {
    scripted to{3};
    to.write_all("0123456789");
    EXPECT_EQ(to.taken, "0123456789");
}

TEST_F(streams, say_how_much_was_written_before_an_error) {
    scripted to{3, 7};
    std::error_code error;
    EXPECT_EQ(to.write_all("0123456789", error), 7U);
    EXPECT_EQ(error, std::errc::broken_pipe);
    EXPECT_EQ(to.taken, "0123456");
    EXPECT_THROW(to.write("x"), std::system_error);
    EXPECT_THROW(to.write_all("x"), std::system_error);
}

TEST_F(streams, write_all_pieces_over_writes_that_end_within_them) {
    for (std::size_t at_a_time = 1; at_a_time < 12; ++at_a_time) {
        scripted to{at_a_time};
        std::array<pirn::bytes, 40> pieces{};
        std::string expected;
        const std::string text = "abcdefghijklmnopqrstuvwxyz";
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            pieces[i] = pirn::bytes{text}.first(i % 7);
            expected += text.substr(0, i % 7);
        }
        to.write_all_vector(pieces);
        EXPECT_EQ(to.taken, expected) << at_a_time;
    }
}

TEST_F(streams, say_how_much_of_several_pieces_was_written_before_an_error) {
    scripted to{4, 9};
    const std::array<pirn::bytes, 3> pieces{pirn::bytes{"12345"}, pirn::bytes{""},
                                            pirn::bytes{"67890"}};
    std::error_code error;
    EXPECT_EQ(to.write_all_vector(pieces, error), 9U);
    EXPECT_EQ(error, std::errc::broken_pipe);
    EXPECT_EQ(to.taken, "123456789");
    EXPECT_EQ(to.write_all_vector({}, error), 0U);
    EXPECT_FALSE(error);
}

TEST_F(streams, read_into_the_first_piece_that_has_room) {
    scripted from{1};
    from.refusal.clear();
    std::array<char, 4> room{};
    const std::array<pirn::mutable_bytes, 2> pieces{pirn::mutable_bytes{}, room};
    EXPECT_EQ(from.read_vector(pieces), 4U);
    EXPECT_EQ(room[3], 'r');
    EXPECT_TRUE(support::complains([&] { from.read_vector(std::span{pieces}.first(1)); },
                                   "given no bytes of room"));
    EXPECT_TRUE(support::complains([&] { from.read({}); }, "a buffer of no bytes"));
}

TEST_F(streams, throw_what_was_refused_with_the_name_of_the_call) {
    scripted bad{1};
    std::array<char, 4> room{};
    try {
        bad.read(room);
        FAIL() << "nothing was thrown";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::broken_pipe);
        EXPECT_EQ(std::string{error.what()}.find("read"), 0U) << error.what();
    }
    EXPECT_THROW(bad.shutdown_write(), std::system_error);
}

TEST_F(streams, throw_cancelled_only_in_a_task_that_is_asked_to_stop) {
    pirn::run([] {
        scripted bad{1};
        bad.refusal = std::make_error_code(std::errc::operation_canceled);
        std::array<char, 4> room{};
        EXPECT_THROW(bad.read(room), std::system_error) << "closed by another task, say";
        auto stopped = pirn::spawn([&] { EXPECT_THROW(bad.read(room), pirn::cancelled); });
        stopped.request_stop();
        stopped.get();
    });
}

TEST_F(streams, have_no_descriptor_unless_they_say_so) {
    const scripted stream{1};
    EXPECT_EQ(stream.descriptor(), -1);
}

// Messages that were scripted: empty ones, an end, an error.
class scripted_messages : public pirn::io::message_stream {
  public:
    std::error_code refusal;
    bool there = true;

  protected:
    bool do_receive(std::vector<std::byte>& into, std::error_code& error) override {
        into.clear();
        error = refusal;
        return there && !error;
    }
    void do_send(pirn::bytes /*message*/, std::error_code& error) override { error = refusal; }
    void do_shutdown_send(std::error_code& error) override { error = refusal; }
    void do_close() noexcept override {}
};

TEST_F(streams, of_messages_tell_an_empty_one_from_the_end_and_from_an_error) {
    scripted_messages messages;
    std::vector<std::byte> message(3);
    EXPECT_TRUE(messages.receive(message));
    EXPECT_TRUE(message.empty());
    messages.there = false;
    EXPECT_FALSE(messages.receive(message));
    messages.send("");
    messages.shutdown_send();
    messages.refusal = std::make_error_code(std::errc::message_size);
    EXPECT_THROW(messages.receive(message), std::system_error);
    EXPECT_THROW(messages.send("x"), std::system_error);
    EXPECT_THROW(messages.shutdown_send(), std::system_error);
}

} // namespace
