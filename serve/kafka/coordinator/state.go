package coordinator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tidemark/base/problem"
	"tidemark/store/eventlog"
)

// op is what an entry of the journal does.
type op string

const (
	opIDs      op = "ids"      // ids of producers below Producer are given
	opInit     op = "init"     // a producer takes a transactional id over; what is open is aborted
	opAdd      op = "add"      // partitions, or a group, belong to the transaction, which begins with the first
	opStage    op = "stage"    // records of the transaction; they are the entry's payload
	opOffsets  op = "offsets"  // offsets that are committed with the transaction
	opCommit   op = "commit"   // the transaction is decided
	opDone     op = "done"     // its records are in their tables: it is ended
	opAbort    op = "abort"    // it is given up
	opConsumed op = "consumed" // a group commits offsets
	opForget   op = "forget"   // a group's offsets are dropped
	opSnapshot op = "snapshot" // the payload is the whole state
)

// entry is one change of the state. Which fields it has depends on Op.
type entry struct {
	Op          op          `json:"op"`
	TimeMS      int64       `json:"time"` // ms since 1970
	Transaction string      `json:"transaction,omitempty"`
	Producer    int64       `json:"producer,omitempty"`
	Epoch       int16       `json:"epoch,omitempty"`
	TimeoutMS   int64       `json:"timeout,omitempty"`
	Partitions  []Partition `json:"partitions,omitempty"`
	Topic       string      `json:"topic,omitempty"`
	Partition   int32       `json:"partition,omitempty"`
	Sequence    int32       `json:"sequence,omitempty"`
	Count       int         `json:"count,omitempty"`
	Bytes       int         `json:"bytes,omitempty"` // of the payload
	Group       string      `json:"group,omitempty"`
	Offsets     []Offset    `json:"offsets,omitempty"`

	payload []byte
}

func readEntry(record eventlog.Record) (entry, error) {
	e := entry{payload: record.Value}
	d := json.NewDecoder(bytes.NewReader(record.Key))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, problem.New(problem.Unsupported, "the journal of the Kafka door has an entry that is not known here: %v", err).WithHint("use the version that wrote it, or a later one")
	}
	return e, nil
}

// Partition is one of a topic.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// Offset is what a group has committed of a partition.
type Offset struct {
	Partition
	Offset      int64  `json:"offset"`
	LeaderEpoch int32  `json:"leaderEpoch,omitempty"`
	Metadata    string `json:"metadata,omitempty"`
	TimeMS      int64  `json:"time,omitempty"`
}

// phase is where a transaction is.
type phase string

const (
	idle       phase = ""           // none is open
	open       phase = "open"       // records may come
	committing phase = "committing" // it is decided, and its records go to their tables
)

// state is everything that the journal says. It is not safe for concurrent use.
type state struct {
	NextProducer int64                   `json:"nextProducer"` // ids below are given
	Transactions map[string]*transaction `json:"transactions"`
	Groups       map[string]*group       `json:"groups"`
}

// transaction is what is known of a transactional id.
type transaction struct {
	Producer   int64               `json:"producer"`
	Epoch      int16               `json:"epoch"`
	TimeoutMS  int64               `json:"timeout"`
	HeardMS    int64               `json:"heard"` // when its producer did something, ms since 1970
	Phase      phase               `json:"phase,omitempty"`
	Ended      op                  `json:"ended,omitempty"` // how the one before ended: done or abort
	BegunMS    int64               `json:"begun,omitempty"`
	Partitions []Partition         `json:"partitions,omitempty"`
	Staged     []staged            `json:"staged,omitempty"`
	Bytes      int64               `json:"bytes,omitempty"` // of what is staged
	Offsets    map[string][]Offset `json:"offsets,omitempty"`
	// Sequences are the newest batches of each partition, oldest first. They stay
	// when a transaction ends: the producer counts on.
	Sequences map[string][]produced `json:"sequences,omitempty"`
}

// staged is where a batch stands in the journal.
type staged struct {
	Partition
	Sequence int32           `json:"sequence"`
	Count    int             `json:"count"`
	Journal  eventlog.Offset `json:"journal"`
}

// produced is a batch that has come.
type produced struct {
	Sequence int32 `json:"sequence"`
	Count    int   `json:"count"`
}

// group is what a group has committed.
type group struct {
	Offsets map[string]Offset `json:"offsets"` // by partition
	TimeMS  int64             `json:"time"`    // of the newest
}

func newState() *state {
	return &state{NextProducer: 1, Transactions: map[string]*transaction{}, Groups: map[string]*group{}}
}

func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }

// late reports whether the transaction takes longer than was said.
func (t *transaction) late(nowMS int64) bool {
	return t.Phase == open && nowMS-t.BegunMS > t.TimeoutMS
}

// end empties the transaction.
func (t *transaction) end(how op) {
	t.Phase, t.Ended, t.BegunMS, t.Partitions, t.Staged, t.Bytes, t.Offsets = idle, how, 0, nil, nil, 0, nil
}

// place decides about a batch: whether it has come before, or whether it is the
// producer's next one.
func (t *transaction) place(at Partition, p produced) (known bool, err error) {
	before := t.Sequences[at.String()]
	if slices.Contains(before, p) {
		return true, nil
	}
	if n := len(before); n > 0 && p.Sequence != eventlog.NextSequence(before[n-1].Sequence, before[n-1].Count) {
		return false, eventlog.ErrOutOfSequence
	}
	return false, nil
}

// apply changes the state by an entry that stands in the journal.
func (s *state) apply(e entry, at eventlog.Offset) error {
	t := s.Transactions[e.Transaction]
	if t == nil && e.Transaction != "" {
		t = &transaction{}
		s.Transactions[e.Transaction] = t
	}
	if t != nil {
		t.HeardMS = e.TimeMS
	}
	switch e.Op {
	case opIDs:
		s.NextProducer = max(s.NextProducer, e.Producer)
	case opInit:
		t.end(opAbort)
		t.Ended = ""
		t.Producer, t.Epoch, t.TimeoutMS, t.Sequences = e.Producer, e.Epoch, e.TimeoutMS, nil
	case opAdd:
		if t.Phase == idle {
			t.Phase, t.BegunMS = open, e.TimeMS
		}
		for _, p := range e.Partitions {
			if !slices.Contains(t.Partitions, p) {
				t.Partitions = append(t.Partitions, p)
			}
		}
	case opStage:
		p := Partition{e.Topic, e.Partition}
		t.Staged = append(t.Staged, staged{Partition: p, Sequence: e.Sequence, Count: e.Count, Journal: at})
		t.Bytes += int64(e.Bytes)
		t.count(p, produced{e.Sequence, e.Count})
	case opOffsets:
		if t.Offsets == nil {
			t.Offsets = map[string][]Offset{}
		}
		t.Offsets[e.Group] = append(t.Offsets[e.Group], e.Offsets...)
	case opCommit:
		t.Phase = committing
	case opDone:
		for name, offsets := range t.Offsets {
			s.consumed(name, offsets, e.TimeMS)
		}
		t.end(opDone)
	case opAbort:
		t.end(opAbort)
		if t.Epoch != e.Epoch || t.Producer != e.Producer {
			t.Sequences = nil
		}
		t.Producer, t.Epoch = e.Producer, e.Epoch
	case opConsumed:
		s.consumed(e.Group, e.Offsets, e.TimeMS)
	case opForget:
		delete(s.Groups, e.Group)
	case opSnapshot:
		if e.payload == nil {
			return nil // it was just made of this state
		}
		before := newState()
		if err := json.Unmarshal(e.payload, before); err != nil {
			return problem.New(problem.Corrupt, "the snapshot at offset %d of the Kafka journal cannot be read: %v", at, err)
		}
		*s = *before
	default:
		return problem.New(problem.Unsupported, "the journal of the Kafka door has an entry %q", e.Op).WithHint("use the version that wrote it, or a later one")
	}
	return nil
}

// count notes a batch of a partition.
func (t *transaction) count(at Partition, p produced) {
	if t.Sequences == nil {
		t.Sequences = map[string][]produced{}
	}
	all := append(t.Sequences[at.String()], p)
	t.Sequences[at.String()] = all[max(0, len(all)-sequencesKept):]
}

func (s *state) consumed(name string, offsets []Offset, timeMS int64) {
	g := s.Groups[name]
	if g == nil {
		g = &group{Offsets: map[string]Offset{}}
		s.Groups[name] = g
	}
	g.TimeMS = timeMS
	for _, o := range offsets {
		o.TimeMS = timeMS
		g.Offsets[o.Partition.String()] = o
	}
}

// oldestStaged is the first place in the journal that an open transaction needs.
func (s *state) oldestStaged() (oldest eventlog.Offset, some bool) {
	for _, t := range s.Transactions {
		if len(t.Staged) > 0 && (!some || t.Staged[0].Journal < oldest) {
			oldest, some = t.Staged[0].Journal, true
		}
	}
	return oldest, some
}

// expire drops what was not used for long.
func (s *state) expire(now time.Time) {
	for name, t := range s.Transactions {
		if t.Phase == idle && now.Sub(time.UnixMilli(t.HeardMS)) > transactionsExpire {
			delete(s.Transactions, name)
		}
	}
	for name, g := range s.Groups {
		if now.Sub(time.UnixMilli(g.TimeMS)) > groupsExpire {
			delete(s.Groups, name)
		}
	}
}
