package native

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
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
	packEventsMin    = 64            // in a body, for which columns are better than texts
	sectionEvents    = batch.MaxRows // in a section of a pack
	packKeptBytesMax = 4 << 20       // of a pack's memory that is used again
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
	changes    bool            // values of records are changes, not rows
	packHead   []byte
	decoders   sync.Pool
	packs      sync.Pool // of *[]byte
	seed       maphash.Seed
	turn       atomic.Uint32
	accepted   atomic.Int64
}

// NewIntake makes the intake of a native table with the given stored columns.
func NewIntake(topic, quarantine *eventlog.Topic, columns []value.Field) *Intake {
	in := &Intake{topic: topic, quarantine: quarantine, seed: maphash.MakeSeed(), packHead: appendPackHead(nil, columns)}
	for i, c := range columns {
		in.fields = append(in.fields, format.Column{Name: c.Name, Type: c.Type, Position: i})
	}
	in.decoders.New = func() any {
		d := format.NewJSONDecoder(in.fields, format.JSONOptions{Strict: true})
		d.CopyTexts() // column by column, as packs have them
		return d
	}
	in.packs.New = func() any { return new([]byte) }
	return in
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
	pack := in.packs.Get().(*[]byte)
	defer in.givePack(pack)
	found, err := in.check(body.Text, (*pack)[:0])
	if err != nil {
		return Receipt{}, err
	}
	*pack = found.pack
	receipt := Receipt{Accepted: len(found.good), Quarantined: []Rejection{}, Rejected: len(found.bad), Partition: partition}
	for _, r := range found.bad[:min(len(found.bad), rejectionsShown)] {
		receipt.Quarantined = append(receipt.Quarantined, rejection(r))
	}
	if len(found.bad) > 0 {
		if err := in.keep(ctx, partition, body, found.bad); err != nil {
			return Receipt{}, err
		}
	}
	if len(found.good) == 0 {
		return receipt, nil
	}
	store := eventlog.Events{Block: body.Text, Values: found.good, Key: body.Key}
	if len(found.good) >= packEventsMin && !found.hasMore {
		store = eventlog.Events{Packed: found.pack, PackedCount: len(found.good), Key: body.Key}
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
	receipt.place(appended)
	return receipt, nil
}

// givePack keeps a pack's memory for the next one.
func (in *Intake) givePack(pack *[]byte) {
	if cap(*pack) <= packKeptBytesMax {
		in.packs.Put(pack)
	}
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

// event is one event of a body.
type event struct {
	batch.View
	line int // in the body, or place in the array, from 1
}

// cutter finds the events of a body, some at a time, so that they are read
// while they are in the core's cache: the lines of NDJSON that are not blank, or
// the elements of an array.
type cutter struct {
	text  []byte
	array []event // what is left of an array; nil for NDJSON
	start int     // of the next line
	line  int
}

func newCutter(text []byte) (*cutter, error) {
	c := &cutter{text: text, line: 1}
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		array, err := elements(text)
		c.array, c.start = array, len(text)
		return c, err
	}
	return c, nil
}

// next appends up to most events; none at the end.
func (c *cutter) next(events []event, most int) []event {
	n := min(most, len(c.array))
	events = append(events, c.array[:n]...)
	c.array = c.array[n:]
	for c.start < len(c.text) && len(events) < most {
		end, next := len(c.text), len(c.text)
		if i := bytes.IndexByte(c.text[c.start:], '\n'); i >= 0 {
			end, next = c.start+i, c.start+i+1
		}
		if c.start < end && (c.text[c.start] == '{' || len(bytes.TrimSpace(c.text[c.start:end])) > 0) {
			events = append(events, event{batch.View{Offset: uint32(c.start), Length: uint32(end - c.start)}, c.line})
		}
		c.start = next
		c.line++
	}
	return events
}

func tooMany() error {
	return problem.New(problem.TooLarge, "the body has more than %d events", eventsMax).WithHint("send the events in several bodies")
}

// elements finds the elements of a JSON array.
func elements(text []byte) ([]event, error) {
	views, err := format.SplitArray(nil, text, batch.View{Length: uint32(len(text))})
	if err != nil {
		return nil, problem.New(problem.InvalidRequest, "the body is %s", problem.Of(err).Message).WithHint("send an array of objects, or one object a line")
	}
	if len(views) > eventsMax {
		return nil, tooMany()
	}
	rest := text[bytes.IndexByte(text, '[')+1:]
	events := make([]event, len(views))
	for i, v := range views {
		events[i] = event{v, i + 1}
		rest = text[v.Offset+v.Length:]
	}
	if behind := bytes.TrimSpace(rest); len(behind) != 1 {
		return nil, problem.New(problem.InvalidRequest, "something follows the JSON array").WithHint("send one array, or one object a line")
	}
	return events, nil
}

// bad is an event that cannot be accepted.
type bad struct {
	event
	problem *problem.Problem
}

// checked is what was found in a body.
type checked struct {
	good    []batch.View
	bad     []bad
	pack    []byte // of the good ones
	hasMore bool   // good ones say more than the pack, which is not made to the end then
}

// check reads every event as the table's columns, and packs these behind pack. A
// body of mostly wrong events is refused as a whole: it is not meant for this
// table.
func (in *Intake) check(text, pack []byte) (found checked, err error) {
	cut, err := newCutter(text)
	if err != nil {
		return found, err
	}
	decoder := in.decoders.Get().(*format.JSONDecoder)
	defer in.decoders.Put(decoder)
	found.pack = append(pack, in.packHead...)
	views := make([]batch.View, 0, sectionEvents)
	events := make([]event, 0, sectionEvents)
	for count := 0; ; {
		if events = cut.next(events[:0], sectionEvents); len(events) == 0 {
			break
		}
		if count += len(events); count > eventsMax {
			return checked{}, tooMany()
		}
		views = views[:0]
		for i, e := range events {
			if e.Length > eventBytesMax {
				found.bad = append(found.bad, bad{e, problem.New(problem.TooLarge, "the event has %d bytes, more than %d", e.Length, eventBytesMax)})
				continue
			}
			events[len(views)] = events[i] // those that views are of
			views = append(views, e.View)
		}
		b, rejected := decoder.Decode(text, views)
		found.hasMore = found.hasMore || decoder.MetUnknown()
		if b.Rows > 0 && !found.hasMore {
			found.pack = appendPackSection(found.pack, b)
		}
		decoder.Reuse(b)
		start := 0
		for _, r := range rejected {
			found.good = append(found.good, views[start:r.Record]...)
			found.bad = append(found.bad, bad{events[r.Record], r.Problem})
			start = r.Record + 1
		}
		found.good = append(found.good, views[start:]...)
		if len(found.bad) > badMax {
			slices.SortFunc(found.bad, byLine)
			return checked{}, problem.New(problem.InvalidRequest, "more than %d events of the body cannot be read, the first at line %d: %s", badMax, found.bad[0].line, found.bad[0].problem.Message).
				WithHint("nothing of it was accepted; check that it is meant for this table")
		}
	}
	slices.SortFunc(found.bad, byLine)
	return found, nil
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
