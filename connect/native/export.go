package native

import (
	"bytes"
	"errors"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
)

// Message is an event as others read it: with its value as JSON text, whether it
// was stored like that or as columns. Its bytes are views.
type Message struct {
	Offset  eventlog.Offset
	TimeMS  int64 // when it was appended, ms since 1970
	Key     []byte
	Value   []byte // nil: the row with the key is deleted
	Headers []eventlog.Header
}

// Export reads a partition of a native table for somebody outside. It is used by
// one goroutine at a time.
type Export struct {
	reader  *eventlog.Reader
	block   *eventlog.Block // under way, nil between blocks
	taken   int             // records of it
	message Message
	peeked  bool
	offset  eventlog.Offset // behind what was taken or passed over

	// Of a block that is a pack.
	isPack bool
	skip   int // rows of the pack in front of the block's first record
	pack   packReader
	rows   *batch.Batch // of the section under way
	row    int
	schema []byte // that the encoder is for
	json   format.Encoder
	text   []byte
}

// NewExport begins to read at an offset, which must be between the oldest and the
// high water. The caller closes it.
func NewExport(topic *eventlog.Topic, partition eventlog.Partition, from eventlog.Offset) (*Export, error) {
	r, err := topic.Reader(partition, from)
	if err != nil {
		return nil, err
	}
	return &Export{reader: r, offset: from}, nil
}

// Close gives back what the export holds.
func (e *Export) Close() error {
	e.leave()
	return e.reader.Close()
}

// Offset is behind the last message that was taken, and behind offsets after it
// that have none.
func (e *Export) Offset() eventlog.Offset { return e.offset }

// Peek gives the next message, which stays valid until the next call of Peek
// after a call of Take; io.EOF when there is none now.
func (e *Export) Peek() (*Message, error) {
	for !e.peeked {
		if e.block == nil {
			if err := e.enter(); err != nil {
				return nil, err
			}
		}
		if e.taken == e.block.Len() {
			e.offset = e.block.Next()
			e.leave()
			continue
		}
		e.offset = e.block.First() + eventlog.Offset(e.taken)
		if err := e.read(); err != nil {
			return nil, err
		}
	}
	return &e.message, nil
}

// Take moves behind the message that Peek gave.
func (e *Export) Take() {
	e.peeked = false
	e.taken++
	e.offset = e.message.Offset + 1
}

func (e *Export) leave() {
	if e.block != nil {
		e.block.Release()
		e.block = nil
	}
}

// enter begins the next block.
func (e *Export) enter() error {
	block, err := e.reader.NextAvailable()
	if err != nil {
		e.offset = max(e.offset, e.reader.Offset()) // behind what nobody sees
		return err
	}
	e.block, e.taken, e.rows = block, 0, nil
	pack, skip, isPack := block.Packed()
	e.isPack, e.skip = isPack, skip
	if isPack {
		return e.damaged(e.beginPack(pack))
	}
	return nil
}

// read makes the next record the message, or passes it over.
func (e *Export) read() error {
	e.message = Message{Offset: e.offset, TimeMS: e.block.Time(e.taken)}
	if e.isPack {
		err := e.readRow()
		e.peeked = err == nil
		return e.damaged(err)
	}
	record, err := e.block.Record(e.taken)
	if err != nil {
		return e.damaged(err)
	}
	isDeletion := slices.ContainsFunc(record.Headers, func(h eventlog.Header) bool { return h.Name == eventlog.DeleteHeader })
	if len(record.Value) == 0 && !isDeletion {
		e.taken++ // no row came of what stood here
		return nil
	}
	e.message.Key, e.message.Value = record.Key, record.Value
	e.message.Headers = slices.DeleteFunc(record.Headers, func(h eventlog.Header) bool { return eventlog.IsOwnHeader(h.Name) })
	e.peeked = true
	return nil
}

// beginPack begins a pack, whose columns are all read.
func (e *Export) beginPack(pack []byte) error {
	d := packDecoder{rest: pack}
	d.byte()
	schema := d.take(d.uvarint())
	if d.failed {
		return errPack
	}
	if e.json == nil || !bytes.Equal(schema, e.schema) {
		d = packDecoder{rest: schema}
		fields := d.fields()
		if d.failed {
			return errPack
		}
		json, err := jsonEncoder(fields)
		if err != nil {
			return err
		}
		e.schema, e.json, e.pack = bytes.Clone(schema), json, packReader{wanted: fields}
	}
	if err := e.pack.begin(pack); err != nil {
		return err
	}
	for e.skip > 0 {
		rows, skipped, err := e.pack.skip(e.skip)
		if err != nil {
			return err
		}
		if !skipped {
			break
		}
		e.skip -= rows
	}
	return nil
}

func jsonEncoder(fields []value.Field) (format.Encoder, error) {
	json, err := format.ByName("json")
	if err != nil {
		return nil, err
	}
	return json.NewEncoder(fields, nil)
}

// readRow spells the next row of the pack.
func (e *Export) readRow() error {
	if e.rows == nil || e.row == e.rows.Rows {
		rows, err := e.pack.next()
		if err != nil {
			return err
		}
		if e.skip >= rows.Rows {
			return errPack
		}
		e.rows, e.row, e.skip = rows, e.skip, 0
	}
	var err error
	if e.text, err = e.json.AppendRow(e.text[:0], e.rows, e.row); err != nil {
		return err
	}
	e.row++
	e.message.Value = bytes.TrimSuffix(e.text, []byte("\n"))
	return nil
}

// damaged is the problem of a record that cannot be read although its checksum
// is right.
func (e *Export) damaged(err error) error {
	var known *problem.Problem
	if err == nil || errors.As(err, &known) {
		return err
	}
	return problem.New(problem.Corrupt, "event %d cannot be read: %v", e.offset, err)
}
