package native

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
)

// Records are what a producer of the Kafka door sends to a partition at once.
type Records struct {
	Partition eventlog.Partition
	Encoded   []byte // the records of a batch, uncompressed; the intake keeps nothing of it
	Count     int
	Producer  *eventlog.Producer // nil when they are not numbered
	Key       string             // idempotency key, "" for none; not with a Producer
}

// RecordsReceipt says where records stand: every one of them has an offset, also
// those that could not be read.
type RecordsReceipt struct {
	First       eventlog.Offset
	TimeMS      int64 // when they were appended, ms since 1970
	Quarantined int
	Duplicate   bool // they had been appended before
}

// TakeRecords completes an intake with what records need: the positions of the
// table's primary key in its stored columns, and the table's options value.format
// (how values are written, json when it is not given) and those of the format.
func (in *Intake) TakeRecords(key []int, options map[string]string) (err error) {
	for _, k := range key {
		in.key = append(in.key, in.fields[k])
	}
	if name := options[valueFormat]; name != "" && name != "json" {
		in.values, err = newRecordFormat(name, in.fields, options)
	}
	return err
}

// Topic is where accepted events go.
func (in *Intake) Topic() *eventlog.Topic { return in.topic }

// CheckRecords tells whether AcceptRecords will accept records later, with a Key:
// when they have been promised to somebody.
func (in *Intake) CheckRecords(ctx context.Context, encoded []byte, count int) error {
	block, err := eventlog.ReadRecords(encoded, count)
	if err != nil {
		return problem.New(problem.Corrupt, "the batch cannot be read: %v", err)
	}
	defer block.Release()
	work := &recordsWork{intake: in, block: block}
	if in.quarantine == nil {
		if err := work.check(ctx); err != nil {
			return err
		}
		if err := work.refusal(); err != nil {
			return err
		}
	}
	// Written out one by one, records take more room: what a field takes at least
	// becomes what it takes at most.
	if perField := len(encoded) * recordGrowthMax; perField <= promisedBytesMax {
		return nil
	}
	records, err := work.records()
	if err != nil {
		return err
	}
	if size := (&eventlog.Events{Records: records}).BytesMax(); size > promisedBytesMax {
		return problem.New(problem.TooLarge, "a batch of a transaction has %d bytes, more than %d", size, promisedBytesMax).WithHint("lower the producer's batch.size")
	}
	return nil
}

// refusal is the problem of the first record that cannot be read, where there is
// no quarantine for it.
func (w *recordsWork) refusal() error {
	if len(w.bad) == 0 || w.intake.quarantine != nil {
		return nil
	}
	first := w.bad[0]
	return problem.New(first.problem.Code, "record %d: %s", first.index, first.problem.Message).About(first.problem.Field).WithHint("this table has no quarantine: correct the record and send the batch again")
}

// AcceptRecords stores records durably. One that cannot be read goes to the
// quarantine, and its offset stays without a row; it never rejects the others.
// The errors are those of eventlog.Topic.Append, and problem.Corrupt for bytes
// that are no records.
func (in *Intake) AcceptRecords(ctx context.Context, r Records) (RecordsReceipt, error) {
	block, err := eventlog.ReadRecords(r.Encoded, r.Count)
	if err != nil {
		return RecordsReceipt{}, problem.New(problem.Corrupt, "the batch cannot be read: %v", err)
	}
	defer block.Release()
	work := &recordsWork{intake: in, block: block}
	if err := work.check(ctx); err != nil {
		return RecordsReceipt{}, err
	}
	// Records with a key were promised: CheckRecords has found no wrong ones, and
	// those that are wrong by a later definition of the table leave a gap.
	if err := work.refusal(); err != nil && r.Key == "" {
		return RecordsReceipt{}, err
	}
	store := eventlog.Events{Encoded: r.Encoded, EncodedCount: r.Count, Producer: r.Producer}
	if work.stored != nil || r.Key != "" {
		records, err := work.records()
		if err != nil {
			return RecordsReceipt{}, err
		}
		store = eventlog.Events{Records: records, Producer: r.Producer, Key: r.Key}
	}
	appended, err := in.topic.Append(ctx, r.Partition, store)
	if err != nil {
		return RecordsReceipt{}, err
	}
	receipt := RecordsReceipt{First: appended.First, TimeMS: appended.TimeMS, Quarantined: len(work.bad), Duplicate: appended.Duplicate}
	// The quarantine comes second because it names offsets. Whoever crashes in
	// between was not acknowledged; a repetition finds the batch there, and comes
	// here with the same key.
	if len(work.bad) > 0 && in.quarantine != nil {
		if err := in.keepRecords(ctx, r.Partition, appended.First, work.bad); err != nil {
			return RecordsReceipt{}, err
		}
	}
	if !appended.Duplicate {
		in.accepted.Add(int64(r.Count - len(work.bad)))
		in.charge(r.Count, len(r.Encoded))
	}
	return receipt, nil
}

// keepRecords stores records that could not be read in the quarantine.
func (in *Intake) keepRecords(ctx context.Context, partition eventlog.Partition, first eventlog.Offset, all []badRecord) error {
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	var records []eventlog.Record
	size, appends := 0, 0
	for i, b := range all {
		raw := b.raw[:min(len(b.raw), quarantinedBytes)]
		row := map[string]any{
			"received_at": now, "partition": partition, "offset": first + eventlog.Offset(b.index),
			"code": b.problem.Code, "message": b.problem.Message, "raw": string(bytes.ToValidUTF8(raw, []byte("\ufffd"))),
		}
		if b.problem.Field != "" {
			row["field"] = b.problem.Field
		}
		text, err := json.Marshal(row)
		if err != nil {
			return fmt.Errorf("write quarantine: %w", err)
		}
		records = append(records, eventlog.Record{Value: text})
		if size += len(text); size < quarantineAppendBytes && i < len(all)-1 {
			continue
		}
		// A batch has an offset of its own, so this is a key of its own.
		key := fmt.Sprintf("kafka/%d/%d/%d", partition, first, appends)
		to := eventlog.Partition(int(partition) % in.quarantine.Partitions())
		if _, err := in.quarantine.Append(ctx, to, eventlog.Events{Records: records, Key: key}); err != nil {
			return err
		}
		records, size, appends = records[:0], 0, appends+1
	}
	return nil
}

// badRecord is a record that cannot be accepted.
type badRecord struct {
	index   int // in its batch
	raw     []byte
	problem *problem.Problem
}

// recordsWork is the records of one call.
type recordsWork struct {
	intake *Intake
	block  *eventlog.Block
	bad    []badRecord // by index
	// stored is how records are stored that are not stored as they came, by index;
	// nil when there are none. Those of them that stay nil are as they came.
	stored []*eventlog.Record
}

// check reads every record as the table's columns.
func (w *recordsWork) check(ctx context.Context) error {
	if w.intake.values != nil {
		return w.convert(ctx)
	}
	text := w.block.Buffer()
	if err := w.checkOwnHeaders(text); err != nil {
		return err
	}
	decoder := w.intake.decoders.Get().(*format.JSONDecoder)
	defer w.intake.decoders.Put(decoder)
	values := w.block.Values()
	for start := 0; start < len(values); {
		end := start
		for end < len(values) && end-start < batch.MaxRows && values[end].Length > 0 && values[end].Length <= eventBytesMax {
			end++
		}
		if end == start {
			if err := w.valueless(start); err != nil {
				return err
			}
			start++
			continue
		}
		w.decode(decoder, text, values[start:end], start)
		start = end
	}
	w.sortBad()
	return nil
}

func (w *recordsWork) sortBad() {
	slices.SortFunc(w.bad, func(a, b badRecord) int { return a.index - b.index })
}

// decode checks a run of values, of which the first is record start's.
func (w *recordsWork) decode(decoder *format.JSONDecoder, text []byte, values []batch.View, start int) {
	b, rejected := decoder.Decode(text, values)
	decoder.Reuse(b)
	for _, r := range rejected {
		w.refuse(start+r.Record, w.block.Value(start+r.Record), r.Problem)
	}
}

// refuse makes a record one that is quarantined: only its place is stored.
func (w *recordsWork) refuse(index int, raw []byte, p *problem.Problem) {
	if w.refused(index) {
		return
	}
	w.bad = append(w.bad, badRecord{index, raw, p})
	*w.at(index) = void
}

// void stands for records that are refused.
var void = &eventlog.Record{Headers: []eventlog.Header{{Name: eventlog.VoidHeader}}}

func (w *recordsWork) refused(index int) bool {
	return w.stored != nil && w.stored[index] == void
}

func (w *recordsWork) at(index int) **eventlog.Record {
	if w.stored == nil {
		w.stored = make([]*eventlog.Record, w.block.Len())
	}
	return &w.stored[index]
}

// checkOwnHeaders refuses records that carry headers of ours: what they mean is
// for us to say.
func (w *recordsWork) checkOwnHeaders(text []byte) error {
	if !bytes.Contains(text, []byte("tidemark.")) {
		return nil
	}
	for i := range w.block.Len() {
		record, err := w.block.Record(i)
		if err != nil {
			return err
		}
		for _, h := range record.Headers {
			if eventlog.IsOwnHeader(h.Name) {
				w.refuse(i, record.Value, problem.New(problem.InvalidValue, "the record has a header %q", h.Name).WithHint("names that begin with tidemark. are taken"))
				break
			}
		}
	}
	return nil
}

// valueless handles a record without a value, or with too much of one.
func (w *recordsWork) valueless(index int) error {
	record, err := w.block.Record(index)
	if err != nil {
		return err
	}
	if w.refused(index) {
		return nil
	}
	if len(record.Value) > 0 {
		w.refuse(index, record.Value, problem.New(problem.TooLarge, "the record's value has %d bytes, more than %d", len(record.Value), eventBytesMax))
		return nil
	}
	if record.Value != nil {
		w.refuse(index, nil, problem.New(problem.InvalidValue, "the record's value is empty"))
		return nil
	}
	key, p := w.intake.deletion(record.Key)
	if p != nil {
		w.refuse(index, record.Key, p)
		return nil
	}
	w.delete(index, record, key)
	return nil
}

// delete makes a record a deletion of the row with a key.
func (w *recordsWork) delete(index int, record eventlog.Record, key []byte) {
	record.Value = nil
	record.Headers = append(record.Headers, eventlog.Header{Name: eventlog.DeleteHeader, Value: key})
	*w.at(index) = &record
}

// deletion reads the key of a record without a value as an object of the primary
// key's columns: it is one, or it is the value of the only column, as JSON or as
// plain text. Debezium's keys may have their schema with them.
func (in *Intake) deletion(key []byte) ([]byte, *problem.Problem) {
	if len(in.key) == 0 {
		return nil, problem.New(problem.InvalidValue, "the record has no value, and %s has no primary key by which a row could be deleted", in.topic.Name())
	}
	var spellings [][]byte
	switch trimmed := bytes.TrimSpace(key); {
	case len(trimmed) > 0 && trimmed[0] == '{':
		var wrapped struct {
			Payload json.RawMessage `json:"payload"`
		}
		spellings = append(spellings, trimmed)
		if json.Unmarshal(trimmed, &wrapped) == nil && len(wrapped.Payload) > 0 && wrapped.Payload[0] == '{' {
			spellings = append(spellings, wrapped.Payload)
		}
	case len(in.key) == 1 && len(key) > 0:
		name := format.AppendJSONText([]byte("{"), in.key[0].Name)
		spellings = append(spellings,
			append(append(slices.Clip(append(slices.Clone(name), ':')), trimmed...), '}'),
			append(format.AppendJSONText(append(slices.Clone(name), ':'), string(key)), '}'))
	default:
		return nil, problem.New(problem.InvalidValue, "the record has no value, and its key is no object of the primary key's columns")
	}
	var why *problem.Problem
	for _, spelling := range spellings {
		decoder := format.NewJSONDecoder(in.key, format.JSONOptions{Strict: true, FailOnMissing: true})
		_, rejected := decoder.Decode(spelling, []batch.View{{Length: uint32(len(spelling))}})
		if len(rejected) == 0 {
			return spelling, nil
		}
		if why == nil {
			why = rejected[0].Problem
		}
	}
	return nil, problem.New(why.Code, "the record has no value, and its key is not that of a row: %s", why.Message).About(why.Field)
}

// records gives all records as they are stored.
func (w *recordsWork) records() ([]eventlog.Record, error) {
	all := make([]eventlog.Record, w.block.Len())
	for i := range all {
		if w.stored != nil && w.stored[i] != nil {
			all[i] = *w.stored[i]
			continue
		}
		var err error
		if all[i], err = w.block.Record(i); err != nil {
			return nil, err
		}
	}
	return all, nil
}
