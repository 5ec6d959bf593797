package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"tidemark/connect"
	"tidemark/examples/ysb"
	"tidemark/plan"
)

// Where the events of ysb come from.
const (
	fromMemory = "memory"
	fromFile   = "file"
	fromHTTP   = "http"
	fromLog    = "log"
	fromSealed = "sealed"
)

const (
	ysbSeed        = 1
	ysbBlockEvents = 1024 // in memory: about 256 KiB, which a core's cache holds
	ysbBodyEvents  = 4096 // in a body: about 1 MiB
	ysbMemoryFull  = 10_000_000
	ysbDurableFull = 3_000_000
)

// ysbResult is what ysb measured.
type ysbResult struct {
	From        string `json:"from"`
	Events      int64  `json:"events"`
	Parallelism int    `json:"parallelism"`
	consumption
	EventsPerSecond    float64 `json:"events_per_second"`
	EventsPerCPUSecond float64 `json:"events_per_cpu_second"`
	Rows               int     `json:"rows"`
	Right              bool    `json:"right"`
	Difference         string  `json:"difference,omitempty"`
}

func (r *ysbResult) wrong() string { return r.Difference }

func (r *ysbResult) print(w io.Writer) {
	check := "OK"
	if !r.Right {
		check = "FAILED"
	}
	fmt.Fprintf(w, "ysb from %s: %s events, parallelism %d\n", r.From, grouped(float64(r.Events)), r.Parallelism)
	fmt.Fprintf(w, "  %-22s %s\n", "events/s", grouped(r.EventsPerSecond))
	fmt.Fprintf(w, "  %-22s %.2f (of %.2f s)\n", "CPU seconds", r.CPUSeconds, r.Seconds)
	fmt.Fprintf(w, "  %-22s %s\n", "events per CPU second", grouped(r.EventsPerCPUSecond))
	fmt.Fprintf(w, "  %-22s %d MiB\n", "peak memory", r.PeakBytes/mebibyte)
	fmt.Fprintf(w, "  %-22s %s (%s rows)\n", "answer", check, grouped(float64(r.Rows)))
}

func (o *benchOptions) ysb(ctx context.Context, c *console) (*ysbResult, error) {
	b := &ysbBench{workload: ysb.New(ysbSeed), events: o.events, parallelism: o.parallelism, console: c}
	var run func(context.Context) (*consumption, map[ysb.Key]int64, error)
	full := int64(ysbDurableFull)
	switch o.from {
	case fromMemory:
		run, full = b.memory, ysbMemoryFull
	case fromFile:
		run, full = b.file, ysbMemoryFull
	case fromHTTP:
		run = b.http
	case fromLog:
		run = b.log
	case fromSealed:
		run = b.sealed
	default:
		return nil, usagef("--from is %q, not memory, file, http, log or sealed", o.from)
	}
	if b.events == 0 {
		b.events = full
	}
	used, answer, err := run(ctx)
	if err != nil {
		return nil, err
	}
	r := &ysbResult{From: o.from, Events: b.events, Parallelism: b.parallelism, consumption: *used, Rows: len(answer)}
	r.EventsPerSecond, r.EventsPerCPUSecond = float64(b.events)/used.Seconds, float64(b.events)/used.CPUSeconds
	r.Difference = ysbDifference(b.workload.Answer(b.events), answer)
	r.Right = r.Difference == ""
	return r, nil
}

// ysbDifference names the first count that is wrong, "" when none is.
func ysbDifference(want, got map[ysb.Key]int64) string {
	for k, n := range want {
		if got[k] != n {
			return fmt.Sprintf("campaign %s has %d views in the window from %s, not %d", k.Campaign, got[k], time.UnixMilli(k.Window).UTC(), n)
		}
	}
	for k := range got {
		if _, there := want[k]; !there {
			return fmt.Sprintf("campaign %s has a window from %s, and should not", k.Campaign, time.UnixMilli(k.Window).UTC())
		}
	}
	return ""
}

// ysbBench runs the workload.
type ysbBench struct {
	workload    *ysb.Workload
	events      int64
	parallelism int
	console     *console
}

// share is the part of the events that a partition has, in blocks of some
// events: every so many blocks.
func (b *ysbBench) share(partition int, events int64) func() (from, to int64, ok bool) {
	next := int64(partition) * events
	return func() (from, to int64, ok bool) {
		from = next
		next += int64(b.parallelism) * events
		return from, min(from+events, b.events), from < b.events
	}
}

// planned is the query's plan.
func (b *ysbBench) planned(ctx context.Context) (plan.Node, error) {
	return plannedQuery(ctx, ysb.Table+";\n"+ysb.Query)
}

// run runs the plan over a source to its end and collects the answer.
func (b *ysbBench) run(ctx context.Context, n plan.Node, source func(connect.Request) (connect.Source, error)) (map[ysb.Key]int64, error) {
	sink := &ysbSink{answer: map[ysb.Key]int64{}}
	_, err := runQuery(ctx, n, b.parallelism, source, sink)
	return sink.answer, err
}

// everyPartition does something for each partition at the same time.
func (b *ysbBench) everyPartition(do func(partition int) error) error {
	failed := make([]error, b.parallelism)
	var all sync.WaitGroup
	for p := range b.parallelism {
		all.Go(func() { failed[p] = do(p) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// ysbSink collects the answer.
type ysbSink struct {
	answer map[ysb.Key]int64
	epoch  connect.Epoch
}

// Committed is the last epoch collected.
func (s *ysbSink) Committed(context.Context) (connect.Epoch, error) { return s.epoch, nil }

// Apply adds rows to the answer.
func (s *ysbSink) Apply(_ context.Context, c connect.Commit) error {
	s.epoch = c.Epoch
	for _, b := range c.Batches {
		b.Each(func(i int) {
			row := b.Row(i)
			s.answer[ysb.Key{Campaign: row[0].Text, Window: row[1].Int / 1000}] += row[2].Int
		})
	}
	return nil
}

// Close does nothing.
func (s *ysbSink) Close() error { return nil }
