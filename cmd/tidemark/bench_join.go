package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"tidemark/connect"
	"tidemark/plan"
)

// joinKeysFull is how many keys the benchmark has live by itself.
const joinKeysFull = 10_000_000

// joinResult is what join measured.
type joinResult struct {
	Keys        int64 `json:"keys"` // live at a time
	Events      int64 `json:"events"`
	Parallelism int   `json:"parallelism"`
	consumption
	EventsPerCPUSecond float64 `json:"events_per_cpu_second"`
	StateBytes         int64   `json:"state_bytes"`           // of the join, when it held most
	KeyBytes           float64 `json:"bytes_per_key"`         // of the state, without the payload
	PayloadBytes       int     `json:"payload_bytes_per_key"` // of an impression beside its id and its time
	Rows               uint64  `json:"rows"`
	Right              bool    `json:"right"`
	Difference         string  `json:"difference,omitempty"`
}

func (r *joinResult) wrong() string { return r.Difference }

func (r *joinResult) print(w io.Writer) {
	check := "OK"
	if !r.Right {
		check = "FAILED"
	}
	fmt.Fprintf(w, "join of impressions and clicks within 5 minutes: %s live keys, %s events, parallelism %d\n", grouped(float64(r.Keys)), grouped(float64(r.Events)), r.Parallelism)
	fmt.Fprintf(w, "  %-22s %.2f (of %.2f s)\n", "CPU seconds", r.CPUSeconds, r.Seconds)
	fmt.Fprintf(w, "  %-22s %s\n", "events per CPU second", grouped(r.EventsPerCPUSecond))
	fmt.Fprintf(w, "  %-22s %.1f, and %d of payload\n", "bytes per live key", r.KeyBytes, r.PayloadBytes)
	fmt.Fprintf(w, "  %-22s %d MiB, of which state %d MiB\n", "peak memory", r.PeakBytes/mebibyte, r.StateBytes/mebibyte)
	fmt.Fprintf(w, "  %-22s %s (%s rows)\n", "answer", check, grouped(float64(r.Rows)))
}

// join fills an interval join until it has so many live keys and goes on for as many
// impressions more. What makes the events does not count.
func (o *benchOptions) join(ctx context.Context) (*joinResult, error) {
	load := &joinLoad{keys: o.keys, impressions: o.events}
	if load.keys == 0 {
		load.keys = joinKeysFull
	}
	if load.impressions == 0 {
		load.impressions = 2 * load.keys
	}
	n, err := plannedQuery(ctx, joinScript)
	if err != nil {
		return nil, err
	}
	feeds := make([]*joinFeed, o.parallelism)
	for p := range feeds {
		feeds[p] = newJoinFeed(load, p, o.parallelism)
	}
	shown := &madeSource{partitions: o.parallelism, blocks: func(ctx context.Context, p int) func([]byte) ([]byte, bool) { return feeds[p].impressions(ctx) }}
	clicked := &madeSource{partitions: o.parallelism, blocks: func(ctx context.Context, p int) func([]byte) ([]byte, bool) { return feeds[p].clicks(ctx) }}
	var sink joinSink
	used := startMeasuring()
	costs, err := runQuery(ctx, n, o.parallelism, func(r connect.Request) (connect.Source, error) {
		source := clicked
		if r.Table == "impressions" {
			source = shown
		}
		source.request = r
		return source, nil
	}, &sink)
	if err != nil {
		return nil, err
	}
	used.stop(time.Duration(shown.making.Load() + clicked.making.Load()))
	r := &joinResult{Keys: min(load.keys, load.impressions), Parallelism: o.parallelism, consumption: *used, PayloadBytes: joinPayload, Rows: sink.answer.rows}
	for _, c := range costs {
		if _, ok := c.Node.(*plan.Join); ok {
			r.StateBytes += c.StatePeak
			r.Events += c.RowsIn
		}
	}
	r.EventsPerCPUSecond = float64(r.Events) / r.CPUSeconds
	r.KeyBytes = float64(r.StateBytes)/float64(r.Keys) - joinPayload
	r.Difference = load.answer().difference(sink.answer)
	r.Right = r.Difference == ""
	return r, nil
}

// joinSink adds up the pairs.
type joinSink struct {
	answer joinAnswer
	epoch  connect.Epoch
}

// Committed is the last epoch added up.
func (s *joinSink) Committed(context.Context) (connect.Epoch, error) { return s.epoch, nil }

// Apply adds pairs up.
func (s *joinSink) Apply(_ context.Context, c connect.Commit) error {
	s.epoch = c.Epoch
	for _, b := range c.Batches {
		b.Each(func(i int) {
			s.answer.add(b.Columns[0].Bytes(i), b.Columns[1].Ints[i], b.Columns[2].Ints[i]/1000, b.Columns[3].Ints[i]/1000) // µs in a column
		})
	}
	return nil
}

// Close does nothing.
func (s *joinSink) Close() error { return nil }
