package kafka

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func transact(t testing.TB, c *kgo.Client, commit bool, records ...*kgo.Record) {
	t.Helper()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, records...)
	if err := c.EndTransaction(context.Background(), kgo.TransactionEndTry(commit)); err != nil {
		t.Fatal(err)
	}
}

// Of transactions, only what is committed is seen, by jobs and by consumers of
// either isolation, and all of it is quarantined that cannot be read.
func TestTransactions(t *testing.T) {
	s := newStand(t, nil)
	c := s.client(kgo.TransactionalID("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	transact(t, c, true, record("clicks", 0, "", `{"id":1}`), record("clicks", 1, "k", `{"id":2}`), record("clicks", 0, "", `wrong`))
	transact(t, c, false, record("clicks", 0, "", `{"id":3}`), record("clicks", 0, "", `wrong too`))
	transact(t, c, true, record("clicks", 0, "", `{"id":4}`), record("users", 0, "", `{"id":5}`))
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, record("clicks", 0, "", `{"id":6}`)) // stays open
	if diff := cmp.Diff([]string{"1|NULL", "4|NULL", "2|NULL"}, s.rows("clicks", nil)); diff != "" {
		t.Error(diff)
	}
	if kept := s.rows("clicks$quarantine", nil); len(kept) != 1 {
		t.Errorf("quarantine: %q", kept)
	}
	for _, isolation := range []kgo.IsolationLevel{kgo.ReadCommitted(), kgo.ReadUncommitted()} {
		reader := s.client(kgo.FetchIsolationLevel(isolation), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"clicks": {0: kgo.NewOffset().AtStart()}}))
		if diff := cmp.Diff([]string{`clicks/0@0  {"id":1}`, `clicks/0@2  {"id":4}`}, describe(consume(t, reader, 2))); diff != "" {
			t.Error(diff)
		}
	}
	// What is open is still there after a crash, and can be committed.
	s.crash()
	if err := c.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1|NULL", "4|NULL", "6|NULL", "2|NULL"}, s.rows("clicks", nil)); diff != "" {
		t.Error(diff)
	}
}

// A second producer of a transactional id ends the first.
func TestFencing(t *testing.T) {
	s := newStand(t, nil)
	first := s.client(kgo.TransactionalID("tx"))
	if err := first.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, first, record("users", 0, "", `{"id":1}`))
	second := s.client(kgo.TransactionalID("tx"))
	transact(t, second, true, record("users", 0, "", `{"id":2}`))
	err := first.EndTransaction(context.Background(), kgo.TryCommit)
	if !errors.Is(err, kerr.ProducerFenced) && !errors.Is(err, kerr.InvalidProducerEpoch) {
		t.Errorf("the first producer commits: %v", err)
	}
	if diff := cmp.Diff([]string{"2|NULL"}, s.rows("users", []int{0})); diff != "" {
		t.Error(diff)
	}
}

// Offsets are committed with a transaction, or not at all.
func TestOffsetsInTransactions(t *testing.T) {
	s := newStand(t, nil)
	plain := s.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 10 {
		produce(t, plain, record("clicks", int32(i%2), "", fmt.Sprintf(`{"id":%d}`, i)))
	}
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(s.address), kgo.TransactionalID("copy"), kgo.ConsumerGroup("copiers"), kgo.ConsumeTopics("clicks"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for round, copied := 0, 0; copied < 10; round++ {
		fetches := session.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		if err := session.Begin(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Topic: "users", Value: r.Value}, nil)
		})
		commit := round > 0 // the first is aborted, and read again
		committed, err := session.End(ctx, kgo.TransactionEndTry(commit))
		if err != nil || committed != commit {
			t.Fatalf("round %d: %v, %v", round, committed, err)
		}
		if commit {
			copied += fetches.NumRecords()
		}
	}
	session.Close()
	if rows := s.rows("users", []int{0}); len(rows) != 10 {
		t.Errorf("copied %q", rows)
	}
	offsets, unstable := s.door.coordinator.Committed("copiers")
	total := int64(0)
	for _, o := range offsets {
		total += o.Offset
	}
	if total != 10 || len(unstable) > 0 {
		t.Errorf("committed: %v, unstable: %v", offsets, unstable)
	}
}

// An idempotent producer goes on over crashes: each record is there once, in order.
func TestIdempotentProducerOverCrashes(t *testing.T) {
	s := newStand(t, nil)
	c := s.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(512), kgo.ProducerLinger(0))
	const records, crashes = 2000, 5
	sent := make(chan error, records)
	for i := range records {
		c.Produce(context.Background(), record("clicks", 0, "", fmt.Sprintf(`{"id":%d}`, i)), func(_ *kgo.Record, err error) { sent <- err })
	}
	for i := range records {
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if i%(records/crashes) == 0 {
			s.crash()
		}
	}
	want := []string{}
	for i := range records {
		want = append(want, fmt.Sprintf("%d|NULL", i))
	}
	if diff := cmp.Diff(want, s.rows("clicks", nil)); diff != "" {
		t.Error(diff)
	}
}

// A transaction that takes longer than its producer said is aborted.
func TestTransactionTimeout(t *testing.T) {
	s := newStand(t, nil)
	c := s.client(kgo.TransactionalID("slow"), kgo.TransactionTimeout(time.Millisecond))
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, record("users", 0, "", `{"id":1}`))
	for deadline := time.Now().Add(10 * time.Second); ; {
		request := kmsg.NewPtrDescribeTransactionsRequest()
		request.TransactionalIDs = []string{"slow", "unknown"}
		response, err := request.RequestWith(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if response.TransactionStates[1].ErrorCode != transactionalIDNotFound {
			t.Errorf("%+v", response.TransactionStates[1])
		}
		if response.TransactionStates[0].State == "CompleteAbort" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", response.TransactionStates[0])
		}
	}
	if err := c.EndTransaction(context.Background(), kgo.TryCommit); err == nil {
		t.Error("it was committed all the same")
	}
	if rows := s.rows("users", []int{0}); len(rows) > 0 {
		t.Errorf("%q", rows)
	}
}
