package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"tidemark/store/eventlog"
)

// Transactions and groups may have the same name.
func transactionTurn(name string) string { return "transaction " + name }
func groupTurn(name string) string       { return "group " + name }

// transaction copies what an operation needs to know. What it refers to does not
// change while the caller has the transaction's turn.
func (c *Coordinator) transaction(name string) (transaction, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, known := c.mu.state.Transactions[name]
	if !known {
		return transaction{}, false
	}
	return *t, true
}

// nextEpoch is what the next producer of a transactional id gets; after the
// greatest epoch, that is a new id.
func (c *Coordinator) nextEpoch(t transaction) (id int64, epoch int16, err error) {
	if t.Epoch < math.MaxInt16-1 {
		return t.Producer, t.Epoch + 1, nil
	}
	id, err = c.ProducerID(c.ctx)
	return id, 0, err
}

// Init makes a producer the one that acts under a transactional id: earlier ones
// are fenced, and what they have left open is aborted. A producer that already
// acts under it, and says so, gets a new epoch (p.ID is negative otherwise).
func (c *Coordinator) Init(ctx context.Context, p Producer, timeout time.Duration) (Producer, error) {
	if timeout <= 0 || timeout > timeoutMax {
		return p, ErrTimeout
	}
	if p.Transaction == "" || len(p.Transaction) > nameBytesMax {
		return p, ErrTooMany
	}
	err := c.inTurn(transactionTurn(p.Transaction), func() error {
		t, known := c.transaction(p.Transaction)
		if known && t.Phase == committing {
			if err := c.finish(ctx, p.Transaction, t); err != nil {
				return err
			}
		}
		var err error
		switch {
		case !known && c.full():
			return ErrTooMany
		case !known:
			p.Epoch = 0
			p.ID, err = c.ProducerID(ctx)
		case p.ID >= 0 && (p.ID != t.Producer || p.Epoch != t.Epoch):
			return ErrFenced
		default:
			p.ID, p.Epoch, err = c.nextEpoch(t)
		}
		if err != nil {
			return err
		}
		return c.record(ctx, entry{Op: opInit, Transaction: p.Transaction, Producer: p.ID, Epoch: p.Epoch, TimeoutMS: timeout.Milliseconds()}, nil)
	})
	return p, err
}

// full reports whether there are as many transactional ids as there may be.
func (c *Coordinator) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.mu.state.Transactions) >= transactionsMax
}

// acting calls f in the turn of a transaction, if the producer is the one that
// acts in it.
func (c *Coordinator) acting(p Producer, f func(t transaction) error) error {
	return c.inTurn(transactionTurn(p.Transaction), func() error {
		t, known := c.transaction(p.Transaction)
		switch {
		case !known || t.Producer != p.ID:
			return ErrUnknown
		case t.Epoch != p.Epoch:
			return ErrFenced
		}
		return f(t)
	})
}

// Add makes partitions part of the producer's transaction, and begins one if none
// is open. No partitions begin one for offsets alone.
func (c *Coordinator) Add(ctx context.Context, p Producer, partitions []Partition) error {
	return c.acting(p, func(t transaction) error {
		if t.Phase == committing {
			return ErrConcurrent
		}
		var fresh []Partition
		for _, at := range partitions {
			if !slices.Contains(t.Partitions, at) {
				fresh = append(fresh, at)
			}
		}
		if t.Phase == open && len(fresh) == 0 {
			return nil
		}
		if len(t.Partitions)+len(fresh) > partitionsMax {
			return ErrTooMany
		}
		return c.record(ctx, entry{Op: opAdd, Transaction: p.Transaction, Producer: p.ID, Epoch: p.Epoch, Partitions: fresh}, nil)
	})
}

// Stage keeps records until their transaction is committed. A batch that comes
// again is kept once.
func (c *Coordinator) Stage(ctx context.Context, p Producer, b Batch) error {
	return c.acting(p, func(t transaction) error {
		at := Partition{b.Topic, b.Partition}
		known, err := t.place(at, produced{b.Sequence, b.Count})
		switch {
		case err != nil || known:
			return err
		case t.Phase != open || !slices.Contains(t.Partitions, at):
			return ErrState
		case len(t.Staged) >= stagedBatchesMax || t.Bytes+int64(len(b.Encoded)) > stagedBytesMax:
			return ErrTooMany
		}
		return c.record(ctx, entry{
			Op: opStage, Transaction: p.Transaction, Producer: p.ID, Epoch: p.Epoch,
			Topic: b.Topic, Partition: b.Partition, Sequence: b.Sequence, Count: b.Count, Bytes: len(b.Encoded),
		}, b.Encoded)
	})
}

// StageOffsets keeps offsets of a group until the transaction is committed.
func (c *Coordinator) StageOffsets(ctx context.Context, p Producer, group string, offsets []Offset) error {
	if err := checkOffsets(group, offsets); err != nil {
		return err
	}
	return c.acting(p, func(t transaction) error {
		if t.Phase != open {
			return ErrState
		}
		staged := len(offsets)
		for _, of := range t.Offsets {
			staged += len(of)
		}
		if staged > stagedBatchesMax {
			return ErrTooMany
		}
		return c.record(ctx, entry{Op: opOffsets, Transaction: p.Transaction, Producer: p.ID, Epoch: p.Epoch, Group: group, Offsets: offsets}, nil)
	})
}

// End commits or aborts. A commit returns when every record is in its table; when
// it fails after the decision, the error is ErrConcurrent and it goes on later.
func (c *Coordinator) End(ctx context.Context, p Producer, commit bool) error {
	return c.acting(p, func(t transaction) error {
		ended := map[bool]op{true: opDone, false: opAbort}[commit]
		switch {
		case t.Phase == idle && t.Ended == ended:
			return nil // the answer was lost
		case t.Phase == idle || t.Phase == committing && !commit:
			return ErrState
		case !commit:
			return c.record(ctx, entry{Op: opAbort, Transaction: p.Transaction, Producer: p.ID, Epoch: p.Epoch}, nil)
		case t.Phase == open:
			if err := c.record(ctx, entry{Op: opCommit, Transaction: p.Transaction, Producer: p.ID, Epoch: p.Epoch}, nil); err != nil {
				return err
			}
		}
		t, _ = c.transaction(p.Transaction)
		if err := c.finish(ctx, p.Transaction, t); err != nil {
			c.options.Logger.Error("a committed Kafka transaction is not applied yet", "transaction", p.Transaction, "error", err)
			return fmt.Errorf("%w: %w", ErrConcurrent, err)
		}
		return nil
	})
}

// finish brings the records of a committed transaction to their tables, in the
// order in which they came, and ends it.
func (c *Coordinator) finish(ctx context.Context, name string, t transaction) error {
	j := &journalReader{journal: c.journal}
	defer j.leave()
	for _, s := range t.Staged {
		encoded, err := j.payload(s.Journal)
		if err != nil {
			return fmt.Errorf("read staged records at offset %d of the Kafka journal: %w", s.Journal, err)
		}
		b := Batch{Topic: s.Topic, Partition: s.Partition.Partition, Sequence: s.Sequence, Count: s.Count, Encoded: encoded}
		if err := c.options.Apply(ctx, fmt.Sprintf("kafka/%d", s.Journal), b); err != nil {
			return fmt.Errorf("store records of a transaction in %s: %w", s.Partition, err)
		}
	}
	return c.record(ctx, entry{Op: opDone, Transaction: name, Producer: t.Producer, Epoch: t.Epoch}, nil)
}

// journalReader reads payloads at ascending places of the journal.
type journalReader struct {
	journal *eventlog.Topic
	reader  *eventlog.Reader
	block   *eventlog.Block
}

// payload gives the payload of an entry, until the next call.
func (j *journalReader) payload(at eventlog.Offset) ([]byte, error) {
	if j.reader == nil || at > j.reader.Offset()+readAheadMax {
		j.leave()
		var err error
		if j.reader, err = j.journal.Reader(0, at); err != nil {
			return nil, err
		}
	}
	for j.block == nil || at >= j.block.Next() {
		j.release()
		block, err := j.reader.NextAvailable()
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		j.block = block
	}
	if at < j.block.First() {
		return nil, fmt.Errorf("the next entry is %d", j.block.First())
	}
	record, err := j.block.Record(int(at - j.block.First()))
	return record.Value, err
}

func (j *journalReader) release() {
	if j.block != nil {
		j.block.Release()
		j.block = nil
	}
}

func (j *journalReader) leave() {
	j.release()
	if j.reader != nil {
		_ = j.reader.Close() // it was only read
		j.reader = nil
	}
}

// Summary is what others may know of a transaction.
type Summary struct {
	Producer
	State      string // as Kafka calls it
	Timeout    time.Duration
	Begun      time.Time // zero when none is open
	Partitions []Partition
}

// Summaries describes all transactional ids, by name.
func (c *Coordinator) Summaries() []Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Summary, 0, len(c.mu.state.Transactions))
	for name, t := range c.mu.state.Transactions {
		s := Summary{Producer: Producer{name, t.Producer, t.Epoch}, State: "Empty", Timeout: time.Duration(t.TimeoutMS) * time.Millisecond, Partitions: slices.Clone(t.Partitions)}
		switch {
		case t.Phase == open:
			s.State, s.Begun = "Ongoing", time.UnixMilli(t.BegunMS)
		case t.Phase == committing:
			s.State, s.Begun = "PrepareCommit", time.UnixMilli(t.BegunMS)
		case t.Ended == opDone:
			s.State = "CompleteCommit"
		case t.Ended == opAbort:
			s.State = "CompleteAbort"
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Summary) int {
		if a.Transaction < b.Transaction {
			return -1
		}
		return 1
	})
	return all
}
