package native

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
)

// Limits of an intake.
const (
	bodyBytesMax     = 16 << 20 // of one body, decompressed
	eventBytesMax    = 1 << 20
	eventsMax        = 1 << 20       // in one body
	badMax           = 10_000        // in one body
	rejectionsShown  = 100           // in a receipt; all are in the quarantine
	packEventsMin    = 8             // in a body, for which columns are better than texts
	sectionEvents    = batch.MaxRows // in a section of a pack
	packKeptBytesMax = 4 << 20       // of a pack's memory that is used again
	goodKeptMax      = 128 << 10     // events whose places are kept for the next body
	quarantinedBytes = 16 << 10      // of a raw event that is kept in the quarantine
	// quarantineAppendBytes is after how many bytes of a batch's bad records the
	// next append to the quarantine begins.
	quarantineAppendBytes = 4 << 20
	// promisedBytesMax is what records that are accepted later may take in the log,
	// with room for what the log and the intake add to them.
	promisedBytesMax = 24 << 20
	recordGrowthMax  = 5 // times the bytes of a record, for what it takes one by one
)

// Rejection says why an event was not accepted.
type Rejection struct {
	Line    int          `json:"line"`
	Code    problem.Code `json:"code"`
	Field   string       `json:"field,omitempty"`
	Message string       `json:"message"`
}

// Receipt is the answer to a body of events. It is given when they are durable.
type Receipt struct {
	Accepted    int         `json:"accepted"`
	Quarantined []Rejection `json:"quarantined"`
	Rejected    int         `json:"rejected"` // how many were quarantined, when the list is cut
	Duplicates  int         `json:"duplicates"`
	Position    string      `json:"position"` // partition and the offset behind the last event

	Partition eventlog.Partition `json:"-"`
	Next      eventlog.Offset    `json:"-"` // behind the last event
}

// Intake takes events for one table. It is safe for concurrent use.
type Intake struct {
	topic      *eventlog.Topic
	quarantine *eventlog.Topic // nil: a bad event makes the whole body fail
	fields     []format.Column
	key        []format.Column // of the primary key
	values     *recordFormat   // of records; nil for JSON
	packHead   []byte
	decoders   sync.Pool
	checks     sync.Pool // of *bodyCheck
	seed       maphash.Seed
	turn       atomic.Uint32
	accepted   atomic.Int64
	admission  admission
}

// NewIntake makes the intake of a native table with the given stored columns.
func NewIntake(topic, quarantine *eventlog.Topic, columns []value.Field) *Intake {
	in := &Intake{topic: topic, quarantine: quarantine, seed: maphash.MakeSeed(), packHead: appendPackHead(nil, columns)}
	for i, c := range columns {
		in.fields = append(in.fields, format.Column{Name: c.Name, Type: c.Type, Position: i})
	}
	in.decoders.New = func() any { return in.newDecoder() }
	in.checks.New = func() any { return newBodyCheck(in) }
	return in
}

// newDecoder makes a decoder of the table's columns, with the texts column by
// column, as packs have them.
func (in *Intake) newDecoder() *format.JSONDecoder {
	d := format.NewJSONDecoder(in.fields, format.JSONOptions{Strict: true})
	d.CopyTexts()
	return d
}

// Body is what a door received.
type Body struct {
	Text      []byte // NDJSON, or a JSON array; the intake keeps nothing of it
	Key       string // idempotency key, "" for none
	Partition int    // where to; negative for any
}

// Accepted is how many events this intake has taken since it was made.
func (in *Intake) Accepted() int64 { return in.accepted.Load() }

// Accept stores the events of a body durably. One bad event never rejects the
// good ones.
func (in *Intake) Accept(ctx context.Context, body Body) (Receipt, error) {
	if len(body.Text) > bodyBytesMax {
		return Receipt{}, problem.New(problem.TooLarge, "the body has %d bytes, more than %d", len(body.Text), bodyBytesMax).WithHint("send the events in several bodies")
	}
	partition, err := in.partition(body)
	if err != nil {
		return Receipt{}, err
	}
	if body.Key != "" {
		if before, found, err := in.topic.Answer(body.Key); found || err != nil {
			return repeated(before), err
		}
	}
	body.Text = bytes.TrimPrefix(body.Text, []byte("\ufeff"))
	check := in.checks.Get().(*bodyCheck)
	defer in.checks.Put(check)
	defer check.forget()
	if err := check.body(body.Text); err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{Accepted: check.count, Quarantined: []Rejection{}, Rejected: len(check.bad), Partition: partition}
	for _, r := range check.bad[:min(len(check.bad), rejectionsShown)] {
		receipt.Quarantined = append(receipt.Quarantined, rejection(r))
	}
	if len(check.bad) > 0 {
		if err := in.keep(ctx, partition, body, check.bad); err != nil {
			return Receipt{}, err
		}
	}
	if check.count == 0 {
		return receipt, nil
	}
	store := eventlog.Events{Block: body.Text, Values: check.good, Key: body.Key}
	if check.isPacked() {
		store = eventlog.Events{Packed: check.pack, PackedCount: check.count, Key: body.Key}
	}
	if body.Key != "" {
		if store.Result, err = json.Marshal(receipt); err != nil {
			return Receipt{}, fmt.Errorf("write receipt: %w", err)
		}
	}
	appended, err := in.topic.Append(ctx, partition, store)
	if err != nil {
		return Receipt{}, err
	}
	if appended.Duplicate {
		return repeated(appended), nil
	}
	in.accepted.Add(int64(receipt.Accepted))
	in.charge(receipt.Accepted, len(body.Text))
	receipt.place(appended)
	return receipt, nil
}

func (r *Receipt) place(a eventlog.Appended) {
	r.Partition, r.Next = a.Partition, a.First+eventlog.Offset(a.Count)
	r.Position = fmt.Sprintf("%d:%d", r.Partition, r.Next)
}

// repeated is the receipt of a body whose key had been seen before.
func repeated(a eventlog.Appended) Receipt {
	var r Receipt
	if err := json.Unmarshal(a.Result, &r); err != nil {
		r = Receipt{Quarantined: []Rejection{}}
	}
	r.Duplicates, r.Accepted = a.Count, 0
	r.place(a)
	return r
}

// partition chooses where a body goes: where it asks to, where its key belongs,
// or in turn.
func (in *Intake) partition(body Body) (eventlog.Partition, error) {
	n := in.topic.Partitions()
	switch {
	case body.Partition >= n:
		return 0, problem.New(problem.InvalidRequest, "%s has no partition %d", in.topic.Name(), body.Partition).WithHint("its partitions are 0 to %d", n-1)
	case body.Partition >= 0:
		return eventlog.Partition(body.Partition), nil
	case body.Key != "":
		return eventlog.Partition(maphash.String(in.seed, body.Key) % uint64(n)), nil
	}
	return eventlog.Partition(int(in.turn.Add(1)) % n), nil
}

func byLine(a, b bad) int { return a.line - b.line }

func rejection(b bad) Rejection {
	return Rejection{Line: b.line, Code: b.problem.Code, Field: b.problem.Field, Message: b.problem.Message}
}

// keep stores bad events in the quarantine. It happens before the good ones are
// stored, so that a body is acknowledged only when both are.
func (in *Intake) keep(ctx context.Context, partition eventlog.Partition, body Body, all []bad) error {
	if in.quarantine == nil {
		first := rejection(all[0])
		return problem.New(first.Code, "line %d: %s", first.Line, first.Message).About(first.Field).WithHint("correct it and send the whole body again: this table has no quarantine")
	}
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	records := make([]eventlog.Record, len(all))
	for i, b := range all {
		raw := body.Text[b.Offset : b.Offset+min(b.Length, quarantinedBytes)]
		row := map[string]any{"received_at": now, "line": b.line, "code": b.problem.Code, "message": b.problem.Message, "raw": string(bytes.ToValidUTF8(raw, []byte("\ufffd")))}
		if b.problem.Field != "" {
			row["field"] = b.problem.Field
		}
		text, err := json.Marshal(row)
		if err != nil {
			return fmt.Errorf("write quarantine: %w", err)
		}
		records[i].Value = text
	}
	_, err := in.quarantine.Append(ctx, eventlog.Partition(int(partition)%in.quarantine.Partitions()), eventlog.Events{Records: records, Key: body.Key})
	return err
}
