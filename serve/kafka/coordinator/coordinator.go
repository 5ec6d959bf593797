// Package coordinator remembers, over any crash, what Kafka clients entrust to a
// broker beside their records: ids of producers, transactions, and the offsets
// that groups of consumers have committed.
//
// It does not speak the protocol, does not know who is in a group, and does not
// read records: those of a transaction are kept as bytes until it is committed.
//
// Everything is an entry in the journal, a topic of the event log with one
// partition (docs/formats/kafka-journal.md). An operation decides → appends its
// entry, which is synced → changes the state in memory by state.apply; opening
// applies the same entries again. From time to time a snapshot of the state is
// appended, and what is before it and belongs to no open transaction is given up.
// A commit: its entry decides it → every batch goes to its table, under a key
// that makes a repetition harmless → a last entry ends it. A crash in between
// leads to the same end when the coordinator is opened again.
//
// Invariants:
//  1. State in memory is what applying the journal gives.
//  2. Operations of one transaction, and of one group, happen one after the other.
//  3. Nobody sees a record of a transaction before it was decided, and then all of
//     them are seen, each once.
//  4. An operation of a producer whose epoch is over changes nothing.
package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/store/eventlog"
)

// Limits of a coordinator.
const (
	journalName        = "tidemark$kafka"
	holdName           = "coordinator"
	snapshotBytes      = 32 << 20 // appended since the last snapshot
	idsAtOnce          = 1000     // producer ids that one entry reserves
	transactionsMax    = 10_000
	stagedBatchesMax   = 100_000 // of one transaction
	stagedBytesMax     = 1 << 30 // of one transaction
	partitionsMax      = 10_000  // of one transaction, or of one group
	groupsMax          = 10_000
	nameBytesMax       = 1 << 10 // of a transaction or group
	metadataBytesMax   = 4 << 10 // of a committed offset
	timeoutMax         = 15 * time.Minute
	transactionsExpire = 7 * 24 * time.Hour  // since a producer was heard
	groupsExpire       = 30 * 24 * time.Hour // since an offset was committed
	checkInterval      = time.Second         // between looks for transactions that take too long
	sequencesKept      = 5                   // batches of a producer in a partition that may come again
	readAheadMax       = 1000                // journal entries that are passed over rather than sought behind
)

// What an operation can fail with, beside the errors of the event log.
var (
	ErrFenced     = errors.New("another producer has taken the transactional id over")
	ErrUnknown    = errors.New("the transactional id does not belong to this producer")
	ErrState      = errors.New("the transaction is not in a state for that")
	ErrConcurrent = errors.New("another operation of the transaction is under way")
	ErrTimeout    = errors.New("the transaction timeout is not allowed")
	ErrTooMany    = errors.New("there is no room for that in the coordinator")
)

// Batch is records of a transaction for one partition.
type Batch struct {
	Topic     string
	Partition int32
	Sequence  int32 // of the first record
	Count     int
	Encoded   []byte // see eventlog.Events
}

// Producer is who acts in a transaction.
type Producer struct {
	Transaction string // transactional id
	ID          int64
	Epoch       int16
}

// Options are what a Coordinator needs of its door.
type Options struct {
	// Apply stores a committed batch in its table. The same key means the same
	// batch: it is stored once. An error is tried again later.
	Apply  func(ctx context.Context, key string, b Batch) error
	Now    func() time.Time
	Logger *slog.Logger
}

// Coordinator is safe for concurrent use.
type Coordinator struct {
	options Options
	journal *eventlog.Topic
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	all     sync.WaitGroup

	// world is held for reading while an entry is appended and applied, and for
	// writing by a snapshot, which has to be of the state between two entries.
	world sync.RWMutex
	mu    struct {
		sync.Mutex
		state    *state
		turns    map[string]*turn // of transactions and groups under way
		unsaved  int              // bytes appended since the last snapshot
		saving   bool
		ids, end int64 // producer ids that are reserved and not given yet
	}
	// giving is held while producer ids are given, over the append that reserves
	// more of them: nobody else could have one sooner.
	giving sync.Mutex
}

// turn lets operations on one name happen one after the other.
type turn struct {
	sync.Mutex // held over appends: that is what it is for
	waiting    int
}

// Open reads the journal and finishes what had been decided.
func Open(log *eventlog.Log, options Options) (*Coordinator, error) {
	journal, err := log.Topic(journalName)
	if problem.Is(err, problem.NotFound) {
		journal, err = log.CreateTopic(journalName, 1)
	}
	if err != nil {
		return nil, fmt.Errorf("open the Kafka journal: %w", err)
	}
	c := &Coordinator{options: options, journal: journal}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.mu.state, c.mu.turns = newState(), map[string]*turn{}
	if err := c.replay(); err != nil {
		return nil, fmt.Errorf("read the Kafka journal: %w", err)
	}
	c.all.Go(c.watch)
	return c, nil
}

// replay applies all entries from the first snapshot on that is kept.
func (c *Coordinator) replay() error {
	start, err := c.journal.StartOffset(0)
	if err != nil {
		return err
	}
	r, err := c.journal.Reader(0, start)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	known := start == 0
	for {
		block, err := r.NextAvailable()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range block.Len() {
			record, err := block.Record(i)
			if err != nil {
				return err
			}
			e, err := readEntry(record)
			if err != nil {
				return err
			}
			if known = known || e.Op == opSnapshot; known {
				if err := c.mu.state.apply(e, block.First()+eventlog.Offset(i)); err != nil {
					return err
				}
			}
		}
		block.Release()
	}
}

// Close writes a snapshot, so that the next start reads little.
func (c *Coordinator) Close() error {
	c.stop()
	c.all.Wait()
	c.mu.Lock()
	unsaved := c.mu.unsaved
	c.mu.Unlock()
	if unsaved == 0 {
		return nil
	}
	return c.save(context.Background())
}

// inTurn calls f when nobody else does so for the same name.
func (c *Coordinator) inTurn(name string, f func() error) error {
	c.mu.Lock()
	t := c.mu.turns[name]
	if t == nil {
		t = &turn{}
		c.mu.turns[name] = t
	}
	t.waiting++
	c.mu.Unlock()
	t.Lock()
	defer func() {
		t.Unlock()
		c.mu.Lock()
		if t.waiting--; t.waiting == 0 {
			delete(c.mu.turns, name)
		}
		c.mu.Unlock()
	}()
	return f()
}

// record makes an entry durable and applies it.
func (c *Coordinator) record(ctx context.Context, e entry, payload []byte) error {
	e.TimeMS = c.options.Now().UnixMilli()
	key, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write Kafka journal entry: %w", err)
	}
	c.world.RLock()
	defer c.world.RUnlock()
	appended, err := c.journal.Append(ctx, 0, eventlog.Events{Records: []eventlog.Record{{Key: key, Value: payload}}})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.unsaved += len(key) + len(payload)
	if c.mu.unsaved >= snapshotBytes && !c.mu.saving && c.ctx.Err() == nil {
		c.mu.saving = true
		c.all.Go(c.saveLater)
	}
	return c.mu.state.apply(e, appended.First)
}

func (c *Coordinator) saveLater() {
	err := c.save(c.ctx)
	c.mu.Lock()
	c.mu.saving = false
	c.mu.Unlock()
	if err != nil && c.ctx.Err() == nil {
		c.options.Logger.Error("save the Kafka coordinator's state", "error", err)
	}
}

// save appends a snapshot and gives up what it makes needless.
func (c *Coordinator) save(ctx context.Context) error {
	c.world.Lock()
	c.mu.Lock()
	now := c.options.Now()
	c.mu.state.expire(now)
	text, err := json.Marshal(c.mu.state)
	oldest, open := c.mu.state.oldestStaged()
	c.mu.Unlock()
	var appended eventlog.Appended
	if err == nil {
		var key []byte
		if key, err = json.Marshal(entry{Op: opSnapshot, TimeMS: now.UnixMilli()}); err == nil {
			appended, err = c.journal.Append(ctx, 0, eventlog.Events{Records: []eventlog.Record{{Key: key, Value: text}}})
		}
	}
	if err == nil {
		c.mu.Lock()
		c.mu.unsaved = 0
		c.mu.Unlock()
	}
	c.world.Unlock()
	if err != nil {
		return fmt.Errorf("write Kafka journal snapshot: %w", err)
	}
	needed := appended.First
	if open {
		needed = min(needed, oldest)
	}
	if err := c.journal.Hold(0, holdName, needed); err != nil {
		return err
	}
	_, err = c.journal.Trim(eventlog.Retention{Bytes: 1})
	return err
}

// watch finishes commits that were decided and aborts transactions that take
// longer than their producer said.
func (c *Coordinator) watch() {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		for _, name := range c.overdue() {
			err := c.inTurn(transactionTurn(name), func() error { return c.attend(name) })
			if err != nil && c.ctx.Err() == nil {
				c.options.Logger.Error("finish a Kafka transaction", "transaction", name, "error", err)
			}
		}
		select {
		case <-ticker.C:
		case <-c.ctx.Done():
			return
		}
	}
}

// overdue lists transactions that somebody has to end.
func (c *Coordinator) overdue() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	now := c.options.Now().UnixMilli()
	for name, t := range c.mu.state.Transactions {
		if t.Phase == committing || t.late(now) {
			names = append(names, name)
		}
	}
	return names
}

// attend ends a transaction that is overdue still.
func (c *Coordinator) attend(name string) error {
	t, known := c.transaction(name)
	switch {
	case known && t.Phase == committing:
		return c.finish(c.ctx, name, t)
	case known && t.late(c.options.Now().UnixMilli()):
		c.options.Logger.Warn("a Kafka transaction took too long and is aborted", "transaction", name, "timeout", time.Duration(t.TimeoutMS)*time.Millisecond)
		id, epoch, err := c.nextEpoch(t)
		if err != nil {
			return err
		}
		return c.record(c.ctx, entry{Op: opAbort, Transaction: name, Producer: id, Epoch: epoch}, nil)
	}
	return nil
}

// ProducerID gives an id that nobody has or had.
func (c *Coordinator) ProducerID(ctx context.Context) (int64, error) {
	c.giving.Lock()
	defer c.giving.Unlock()
	c.mu.Lock()
	if c.mu.ids < c.mu.end {
		c.mu.ids++
		id := c.mu.ids - 1
		c.mu.Unlock()
		return id, nil
	}
	first := c.mu.state.NextProducer
	c.mu.Unlock()
	if err := c.record(ctx, entry{Op: opIDs, Producer: first + idsAtOnce}, nil); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.ids, c.mu.end = first+1, first+idsAtOnce
	return first, nil
}
