// SPDX-License-Identifier: MIT
//
// Go's goroutines; what is measured is in sched_work.hpp. A goroutine is joined through a channel, as there is no
// other way to get a result.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	handoffs      = 300000
	fibOf         = 25
	fibTasks      = 242785
	skyLeaves     = 100000
	skyTasks      = 111111
	crossHandoffs = 50000
	sleepers      = 1000000
	nap           = 8 * time.Second
)

func cpu() int64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return used.Utime.Nano() + used.Stime.Nano()
}

func resident() float64 {
	var total, pages float64
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		fmt.Sscan(string(statm), &total, &pages)
	}
	return pages * float64(os.Getpagesize())
}

// A million asleep at the same time, and what each has cost when all are up again.
func sleepAll() {
	runtime.GOMAXPROCS(1)
	runtime.GC()
	memory := resident()
	begin := cpu()
	var all sync.WaitGroup
	all.Add(sleepers)
	for i := 0; i < sleepers; i++ {
		go func() {
			time.Sleep(nap)
			all.Done()
		}()
		if i%1024 == 1023 {
			runtime.Gosched()
		}
	}
	runtime.Gosched()
	fmt.Printf("sleep_bytes %.0f\n", (resident()-memory)/sleepers)
	all.Wait()
	fmt.Printf("sleep_ns %.1f\n", float64(cpu()-begin)/sleepers)
}

func once(key string, count int, body func()) {
	best := time.Duration(1 << 62)
	for i := 0; i < 3; i++ {
		begin := time.Now()
		body()
		if took := time.Since(begin); took < best {
			best = took
		}
	}
	fmt.Printf("%s %.2f\n", key, float64(best.Nanoseconds())/float64(count))
}

func both(does func(which int)) {
	var group sync.WaitGroup
	for which := 0; which < 2; which++ {
		group.Add(1)
		go func(which int) {
			does(which)
			group.Done()
		}(which)
	}
	group.Wait()
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	one := make(chan int, 1)
	go func() { one <- fib(n - 1) }()
	other := fib(n - 2)
	return <-one + other
}

func sky(first, size int, to chan<- int) {
	if size == 1 {
		to <- first
		return
	}
	parts := make(chan int, 10)
	for i := 0; i < 10; i++ {
		go sky(first+i*(size/10), size/10, parts)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-parts
	}
	to <- sum
}

func handOver(count int) {
	values := make(chan int)
	both(func(which int) {
		if which == 0 {
			for i := 0; i < count; i++ {
				values <- i
			}
			close(values)
		} else {
			for range values {
			}
		}
	})
}

func main() {
	runtime.GOMAXPROCS(1)
	once("yield_ns", 2*handoffs, func() {
		both(func(int) {
			for i := 0; i < handoffs; i++ {
				runtime.Gosched()
			}
		})
	})
	once("spawn_join_ns", handoffs, func() {
		over := make(chan struct{})
		for i := 0; i < handoffs; i++ {
			go func() { over <- struct{}{} }()
			<-over
		}
	})
	once("channel_ns", handoffs, func() { handOver(handoffs) })
	once("mutex_ns", 2*handoffs, func() {
		var guard sync.Mutex
		both(func(int) {
			for i := 0; i < handoffs; i++ {
				guard.Lock()
				runtime.Gosched()
				guard.Unlock()
			}
		})
	})
	once("select_2_ns", handoffs, func() {
		a, b := make(chan int), make(chan int)
		to := []chan int{a, b}
		both(func(which int) {
			for i := 0; i < handoffs; i++ {
				if which == 0 {
					to[i%2] <- i
				} else {
					select {
					case <-a:
					case <-b:
					}
				}
			}
		})
	})
	once("select_10_ns", handoffs, func() {
		var c [10]chan int
		for i := range c {
			c[i] = make(chan int)
		}
		both(func(which int) {
			for i := 0; i < handoffs; i++ {
				if which == 0 {
					c[i%10] <- i
				} else {
					select {
					case <-c[0]:
					case <-c[1]:
					case <-c[2]:
					case <-c[3]:
					case <-c[4]:
					case <-c[5]:
					case <-c[6]:
					case <-c[7]:
					case <-c[8]:
					case <-c[9]:
					}
				}
			}
		})
	})
	for threads := 1; threads <= 2; threads++ {
		runtime.GOMAXPROCS(threads)
		once(fmt.Sprintf("fib_%d_ns", threads), fibTasks, func() { fib(fibOf) })
		once(fmt.Sprintf("sky_%d_ns", threads), skyTasks, func() {
			to := make(chan int, 1)
			sky(0, skyLeaves, to)
			<-to
		})
	}
	once("cross_ns", crossHandoffs, func() { handOver(crossHandoffs) })
	sleepAll()
}
