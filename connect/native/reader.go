package native

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/store/eventlog"
)

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
	packs     packReader
	skip      int          // rows of the pack before the block's first record
	at        atomic.Int64 // next, for Lag
	newest    atomic.Int64 // when the last record that was read came, ms
}

// Read gives up to a batch of the block under way, or waits for the next.
func (r *reader) Read(ctx context.Context) (*batch.Batch, error) {
	if r.block == nil {
		if r.source.request.Bounded && r.next >= r.end {
			return nil, io.EOF
		}
		if err := r.enter(ctx); err != nil {
			return nil, err
		}
	}
	most := r.block.Len() - r.taken
	if r.source.request.Bounded {
		most = min(most, int(r.end-r.block.First())-r.taken)
	}
	var b *batch.Batch
	var n int
	if r.isPack {
		var err error
		if b, err = r.unpack(most); err != nil {
			return nil, err
		}
		n = b.Rows
		b = r.complete(b, n, nil)
	} else {
		n = min(batch.MaxRows, most)
		b = r.decode(r.block.Values()[r.taken : r.taken+n])
	}
	r.newest.Store(r.block.Time(r.taken + n - 1))
	r.taken += n
	r.next = r.block.First() + eventlog.Offset(r.taken)
	if r.taken == r.block.Len() {
		r.next = r.block.Next()
		r.block.Release()
		r.block = nil
	}
	r.at.Store(int64(r.next))
	return b, nil
}

// enter waits for the next block.
func (r *reader) enter(ctx context.Context) error {
	block, err := r.log.Next(ctx)
	if err != nil {
		return err
	}
	r.block, r.taken = block, 0
	pack, skip, isPack := block.Packed()
	r.isPack, r.skip = isPack, skip
	if isPack {
		if err := r.packs.begin(pack); err != nil {
			return r.damaged(err)
		}
	}
	return nil
}

// unpack reads the next section of the pack under way, of which most rows count:
// not those before the block's first record, nor those behind a bounded end.
func (r *reader) unpack(most int) (*batch.Batch, error) {
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

// metadata names what a record is besides its value.
var metadata = map[string]func(r *reader, record int) int64{
	"timestamp": func(r *reader, i int) int64 { return r.block.Time(i) * 1000 },
	"partition": func(r *reader, _ int) int64 { return int64(r.partition) },
	"offset":    func(r *reader, i int) int64 { return int64(r.block.First()) + int64(i) },
}

func (r *reader) metadata(c connect.Column, records int, rejected []format.Rejected) *batch.Column {
	column := batch.NewColumn(c.Type, records)
	give := metadata[c.Metadata]
	for i := range records {
		if len(rejected) > 0 && rejected[0].Record == i {
			rejected = rejected[1:]
			continue
		}
		column.AppendValue(value.Value{Int: give(r, r.taken+i)})
	}
	return column
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
