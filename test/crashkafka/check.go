package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// settleMax is how long results may take to be complete.
const settleMax = 2 * time.Minute

// results is what a consumer that reads what is committed has found.
type results struct {
	load    *load
	windows map[window]bool
	pairs   map[pair]bool
	newest  map[string]int64 // start of the newest window, by key
}

// check reads the result topics until everything is there. A result that comes
// twice, is wrong, or comes out of order is an error at once.
func (l *load) check(ctx context.Context, address string) error {
	r := &results{load: l, windows: map[window]bool{}, pairs: map[pair]bool{}, newest: map[string]int64{}}
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(windowTopic, joinTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	limited, cancel := context.WithTimeout(ctx, settleMax)
	defer cancel()
	for len(r.windows) < len(l.windows) || len(r.pairs) < len(l.pairs) {
		fetches := client.PollFetches(limited)
		if err := fetches.Err(); err != nil {
			return errors.Join(fmt.Errorf("after %s there are %d of %d windows and %d of %d pairs", settleMax, len(r.windows), len(l.windows), len(r.pairs), len(l.pairs)), err)
		}
		for _, record := range fetches.Records() {
			if err := r.take(record); err != nil {
				return fmt.Errorf("%s, partition %d, offset %d: %w: %s", record.Topic, record.Partition, record.Offset, err, record.Value)
			}
		}
	}
	// Whoever sends something twice has sent it by now, or does with the next epochs.
	late, cancelLate := context.WithTimeout(ctx, 2*time.Second)
	defer cancelLate()
	for {
		fetches := client.PollFetches(late)
		for _, record := range fetches.Records() {
			if err := r.take(record); err != nil {
				return fmt.Errorf("%s, partition %d, offset %d: %w: %s", record.Topic, record.Partition, record.Offset, err, record.Value)
			}
		}
		if late.Err() != nil {
			break
		}
	}
	fmt.Printf("%d events: %d windows and %d pairs, each once and in order\n", l.events, len(r.windows), len(r.pairs))
	return nil
}

func (r *results) take(record *kgo.Record) error {
	var row struct {
		K                                 string
		Millis, Events, Total, Event, Seq int64
	}
	if err := json.Unmarshal(record.Value, &row); err != nil {
		return err
	}
	if row.K == "end" {
		return nil
	}
	if record.Topic == windowTopic {
		return r.takeWindow(window{row.K, row.Millis}, sums{row.Events, row.Total})
	}
	p := pair{row.Event, row.Seq}
	key, known := r.load.pairs[p]
	switch {
	case !known || key != row.K:
		return errors.New("nobody asked for this pair")
	case r.pairs[p]:
		return errors.New("the pair is there twice")
	}
	r.pairs[p] = true // whichever side came last decides the order
	return nil
}

func (r *results) takeWindow(w window, s sums) error {
	want, known := r.load.windows[w]
	switch {
	case !known:
		return errors.New("no event is in this window")
	case s != want:
		return fmt.Errorf("the window has %d events with a total of %d", want.events, want.total)
	case r.windows[w]:
		return errors.New("the window is there twice")
	case r.newest[w.key] >= w.start:
		return fmt.Errorf("the window at %d came before", r.newest[w.key])
	}
	r.windows[w], r.newest[w.key] = true, w.start
	return nil
}
