package eventlog

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/vfs"
)

// benchEvents is a block of n events of 254 bytes, as a door hands them over.
func benchEvents(n int) Events {
	const line = `{"user_id": "5b2f7a60-0f6c-4b0e-9d5e-1a2b3c4d5e6f", "page_id": "9f8e7d6c-5b4a-4392-8170-6f5e4d3c2b1a", "ad_id": "0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d", "ad_type": "banner78", "event_type": "view", "event_time": "1700000000000", "ip_address": "1.2.3.4"}  `
	var e Events
	for range n {
		e.Values = append(e.Values, batch.View{Offset: uint32(len(e.Block)), Length: 254})
		e.Block = append(e.Block, line[:254]...)
		e.Block = append(e.Block, '\n')
	}
	return e
}

// cpuSeconds is the CPU time of this process, in the kernel included.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func report(b *testing.B, events int64, cpu float64) {
	b.ReportMetric(float64(events)/b.Elapsed().Seconds()/1e6, "Mev/s")
	b.ReportMetric(float64(events)/cpu/1e6, "Mev/cpu-s")
	b.ReportMetric(float64(events)*254/cpu/1e6, "MB/cpu-s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAppend appends blocks from several goroutines to two partitions on
// the real file system and reads the last offset back as a check.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ size, appenders int }{{1, 64}, {100, 16}, {1000, 8}, {4000, 4}} {
		b.Run(fmt.Sprintf("%d events x %d", c.size, c.appenders), func(b *testing.B) {
			topic := create(b, open(b, rooted(b), Options{}), "events", 2)
			e := benchEvents(c.size)
			b.SetBytes(int64(c.size) * 254)
			b.ReportAllocs()
			b.ResetTimer()
			cpu := cpuSeconds()
			var next atomic.Int64
			var all sync.WaitGroup
			for id := range c.appenders {
				all.Go(func() {
					for next.Add(1) <= int64(b.N) {
						mustAppend(b, topic, Partition(id%2), e)
					}
				})
			}
			all.Wait()
			cpu = cpuSeconds() - cpu
			b.StopTimer()
			total := Offset(0)
			for p := range Partition(2) {
				high, _ := topic.HighWater(p)
				total += high
			}
			if total != Offset(b.N*c.size) {
				b.Fatalf("%d events in the log, want %d", total, b.N*c.size)
			}
			report(b, int64(total), cpu)
		})
	}
}

// BenchmarkRead reads a log of 200 MB from the page cache, checksums included.
func BenchmarkRead(b *testing.B) {
	const events = 800_000
	for _, size := range []int{1, 1000} {
		b.Run(fmt.Sprintf("batches of %d", size), func(b *testing.B) {
			topic := create(b, open(b, rooted(b), Options{}), "events", 1)
			var all sync.WaitGroup
			e := benchEvents(size)
			for range 8 {
				all.Go(func() {
					for range events / size / 8 {
						mustAppend(b, topic, 0, e)
					}
				})
			}
			all.Wait()
			b.ReportAllocs()
			b.SetBytes(events * 254)
			b.ResetTimer()
			cpu := cpuSeconds()
			for b.Loop() {
				if n := readAll(b, topic); n != events {
					b.Fatalf("read %d events, want %d", n, events)
				}
			}
			report(b, int64(b.N)*events, cpuSeconds()-cpu)
		})
	}
}

func readAll(b *testing.B, topic *Topic) (records int) {
	r, err := topic.Reader(0, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for {
		k, err := r.NextAvailable()
		if err == io.EOF {
			return records
		}
		if err != nil {
			b.Fatal(err)
		}
		records += k.Len()
		k.Release()
	}
}

// BenchmarkEncode is the CPU that the log adds to an event before the kernel.
func BenchmarkEncode(b *testing.B) {
	e := benchEvents(1000)
	buffer := vfs.AlignedBuffer(e.encodedBytesMax())
	b.SetBytes(int64(len(e.Block)))
	cpu := cpuSeconds()
	for b.Loop() {
		e.encode(buffer, 0, 0, 1)
	}
	report(b, int64(b.N)*1000, cpuSeconds()-cpu)
}

// TestBenchmarksSmall keeps the path of BenchmarkAppend right and allocation-light.
func TestBenchmarksSmall(t *testing.T) {
	topic := create(t, open(t, rooted(t), Options{}), "events", 1)
	e := benchEvents(1000)
	allocations := testing.AllocsPerRun(20, func() {
		if _, err := topic.Append(context.Background(), 0, e); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 20 {
		t.Errorf("an append of 1000 events makes %v allocations, want at most 20", allocations)
	}
}
