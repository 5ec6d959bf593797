package native

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
)

// joinedRows is how many rows a batch has to which no more packs are joined.
const joinedRows = batch.MaxRows / 4

// reader reads one partition.
type reader struct {
	source    *Source
	partition eventlog.Partition
	log       *eventlog.Reader
	decoder   *format.JSONDecoder
	lenient   *format.JSONDecoder
	fields    []int           // positions in the request of what the decoder gives
	end       eventlog.Offset // where a bounded read stops
	next      eventlog.Offset // behind the last batch
	block     *eventlog.Block // under way, nil between blocks
	taken     int             // records of block already given
	isPack    bool            // the block is a pack
	broken    error           // why it cannot be taken apart
	packs     packReader
	skip      int          // rows of the pack before the block's first record
	at        atomic.Int64 // next, for Lag
	newest    atomic.Int64 // when the last record that was read came, ms
}

// Read gives up to a batch of the block under way, or waits for the next. Small
// packs that are there already are joined: what is done for each batch costs more
// than some rows.
func (r *reader) Read(ctx context.Context) (*batch.Batch, error) {
	if r.block == nil {
		if r.isDone() {
			return nil, io.EOF
		}
		block, err := r.log.Next(ctx)
		if err != nil {
			return nil, err
		}
		r.enter(block)
	}
	b, err := r.read()
	if err != nil {
		return nil, err
	}
	for r.isPack && b.Rows < joinedRows && r.hasMore(batch.MaxRows-b.Rows) {
		more, err := r.read()
		if err != nil {
			r.broken = err // the next Read has it
			break
		}
		join(b, more)
	}
	r.at.Store(int64(r.next))
	return b, nil
}

// isDone reports whether a bounded reader is at its end.
func (r *reader) isDone() bool { return r.source.request.Bounded && r.next >= r.end }

// enter begins a block.
func (r *reader) enter(block *eventlog.Block) {
	r.block, r.taken = block, 0
	pack, skip, isPack := block.Packed()
	r.isPack, r.skip, r.broken = isPack, skip, nil
	if isPack {
		r.broken = r.packs.begin(pack)
	}
}

// hasMore reports whether the next rows are there, and those of a pack, and not
// more than some. What goes wrong here does so again in the next Read.
func (r *reader) hasMore(most int) bool {
	if r.block == nil {
		if r.isDone() {
			return false
		}
		block, err := r.log.NextAvailable()
		if err != nil {
			return false
		}
		r.enter(block)
	}
	if !r.isPack || r.broken != nil || r.skip > 0 {
		return false
	}
	rows, _, err := r.packs.skip(0)
	return err == nil && rows <= most
}

// read gives up to a batch of the block under way.
func (r *reader) read() (*batch.Batch, error) {
	most := r.block.Len() - r.taken
	if r.source.request.Bounded {
		most = min(most, int(r.end-r.block.First())-r.taken)
	}
	var b *batch.Batch
	var n int
	var err error
	if r.isPack {
		if b, err = r.unpack(most); err != nil {
			return nil, err
		}
		n = b.Rows
		b = r.complete(b, n, nil)
	} else if b, n, err = r.decodeNext(min(batch.MaxRows, most)); err != nil {
		return nil, err
	}
	r.newest.Store(r.block.Time(r.taken + n - 1))
	r.taken += n
	r.next = r.block.First() + eventlog.Offset(r.taken)
	if r.taken == r.block.Len() {
		r.next = r.block.Next()
		r.block.Release()
		r.block = nil
	}
	return b, nil
}

// join adds the rows of a batch to another one, of whose columns nobody else has any.
func join(b, more *batch.Batch) {
	rows := make([]uint16, more.Rows)
	for i := range rows {
		rows[i] = uint16(b.Rows + i)
	}
	b.Rows += more.Rows
	for i, c := range b.Columns {
		c.Resize(b.Rows)
		c.Scatter(rows, more.Columns[i])
	}
}

// unpack reads the next section of the pack under way, of which most rows count:
// not those before the block's first record, nor those behind a bounded end.
func (r *reader) unpack(most int) (*batch.Batch, error) {
	if r.broken != nil {
		return nil, r.damaged(r.broken)
	}
	for r.skip > 0 {
		rows, skipped, err := r.packs.skip(r.skip)
		if err != nil {
			return nil, r.damaged(err)
		}
		if !skipped {
			break
		}
		r.skip -= rows
	}
	b, err := r.packs.next()
	if err != nil {
		return nil, r.damaged(err)
	}
	if from, to := r.skip, min(r.skip+most, b.Rows); from > 0 || to < b.Rows {
		b.Sel = []uint16{}
		for i := from; i < to; i++ {
			b.Sel = append(b.Sel, uint16(i))
		}
		b = b.Compact()
		r.skip = 0
	}
	return b, nil
}

// damaged is the problem of a pack that cannot be taken apart.
func (r *reader) damaged(err error) error {
	var known *problem.Problem
	if errors.As(err, &known) {
		return err
	}
	return problem.New(problem.Corrupt, "event %d of partition %d of %s cannot be read: %v", r.block.First()+eventlog.Offset(r.taken), r.partition, r.source.topic.Name(), err)
}

// decodeNext reads up to most records of the block under way: a run of rows, or
// a run of records without a value.
func (r *reader) decodeNext(most int) (*batch.Batch, int, error) {
	values := r.block.Values()[r.taken : r.taken+most]
	n := slices.IndexFunc(values, func(v batch.View) bool { return v.Length == 0 })
	if n < 0 {
		n = len(values)
	}
	if n > 0 {
		return r.decode(values[:n]), n, nil
	}
	n = slices.IndexFunc(values, func(v batch.View) bool { return v.Length > 0 })
	if n < 0 {
		n = len(values)
	}
	b, err := r.decodeDeletions(n)
	return b, n, err
}

// decodeDeletions reads n records without a value: deletions, which have the
// columns of the primary key only, and the places of events that were no rows.
func (r *reader) decodeDeletions(n int) (*batch.Batch, error) {
	var keys []byte
	var views []batch.View
	var passed []format.Rejected
	for i := range n {
		record, err := r.block.Record(r.taken + i)
		if err != nil {
			return nil, r.damaged(err)
		}
		at := slices.IndexFunc(record.Headers, func(h eventlog.Header) bool { return h.Name == eventlog.DeleteHeader })
		if at < 0 || len(r.source.request.PrimaryKey) == 0 {
			passed = append(passed, format.Rejected{Record: i})
			continue
		}
		views = append(views, batch.View{Offset: uint32(len(keys)), Length: uint32(len(record.Headers[at].Value))})
		keys = append(keys, record.Headers[at].Value...)
	}
	decoded, _ := r.lenient.Decode(keys, views)
	b := r.complete(decoded, n, passed)
	b.Kinds = slices.Repeat([]batch.Kind{batch.Delete}, b.Rows)
	return b, nil
}

// decode reads records of the block under way as the request's columns.
func (r *reader) decode(views []batch.View) *batch.Batch {
	decoded, rejected := r.decoder.Decode(r.block.Buffer(), views)
	if len(rejected) > 0 {
		decoded, rejected = r.lenient.Decode(r.block.Buffer(), views)
	}
	return r.complete(decoded, len(views), rejected)
}

// complete adds the columns of metadata to those of a number of records, of
// which some may be rejected.
func (r *reader) complete(decoded *batch.Batch, records int, rejected []format.Rejected) *batch.Batch {
	if len(r.fields) == len(r.source.request.Columns) {
		return decoded
	}
	b := &batch.Batch{Rows: decoded.Rows, Columns: make([]*batch.Column, len(r.source.request.Columns))}
	for i, at := range r.fields {
		b.Columns[at] = decoded.Columns[i]
	}
	for i, c := range r.source.request.Columns {
		if c.Metadata != "" {
			b.Columns[i] = r.metadata(c, records, rejected)
		}
	}
	return b
}

// Offset is the position behind the last batch.
func (r *reader) Offset() connect.Offset {
	return binary.BigEndian.AppendUint64(nil, uint64(r.next))
}

// Watermark is unknown here: the table's WATERMARK clause decides.
func (r *reader) Watermark() int64 { return batch.NoMark }

// Lag tells how far the reader is behind the log.
func (r *reader) Lag() (rows int64, age time.Duration) {
	high, err := r.source.topic.HighWater(r.partition)
	if err != nil {
		return -1, -1
	}
	rows = int64(high) - r.at.Load()
	if newest := r.newest.Load(); rows > 0 && newest > 0 {
		age = time.Since(time.UnixMilli(newest))
	}
	return max(rows, 0), age
}

// Close ends the reader and a Read under way.
func (r *reader) Close() error { return r.log.Close() }
