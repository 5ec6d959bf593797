package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/examples/ysb"
)

func (b *ysbBench) memory(ctx context.Context) (*consumption, map[ysb.Key]int64, error) {
	n, err := b.planned(ctx)
	if err != nil {
		return nil, nil, err
	}
	source := &ysbSource{bench: b}
	used := startMeasuring()
	answer, err := b.run(ctx, n, func(r connect.Request) (connect.Source, error) {
		source.request = r
		return source, nil
	})
	used.stop(time.Duration(source.making.Load()))
	return used, answer, err
}

// ysbSource makes the events of the workload, block by block, and decodes them
// as the filesystem connector would.
type ysbSource struct {
	bench   *ysbBench
	request connect.Request
	making  atomic.Int64 // CPU time that it took to make the events, ns
}

// Splits are as many as there are workers.
func (s *ysbSource) Splits(context.Context) ([]connect.SplitID, error) {
	var all []connect.SplitID
	for p := range s.bench.parallelism {
		all = append(all, connect.SplitID(fmt.Sprint(p)))
	}
	return all, nil
}

// Bounded is true: there is a last event.
func (s *ysbSource) Bounded() bool { return true }

// Open starts at the beginning: nothing outlives a benchmark.
func (s *ysbSource) Open(_ context.Context, split connect.SplitID, _ connect.Offset) (connect.Reader, error) {
	var partition int
	if _, err := fmt.Sscan(string(split), &partition); err != nil {
		return nil, fmt.Errorf("open split %s: %w", split, err)
	}
	r := &ysbReader{source: s, next: s.bench.share(partition, ysbBlockEvents)}
	var columns []format.Column
	for _, c := range s.request.Columns {
		columns = append(columns, format.Column{Name: c.Name, Type: c.Type})
	}
	r.decoder = format.NewJSONDecoder(columns, format.JSONOptions{})
	r.decoder.CopyTexts() // the block is filled again
	r.decoder.CutLines()
	return r, nil
}

// ysbReader reads one split.
type ysbReader struct {
	source  *ysbSource
	next    func() (from, to int64, ok bool)
	decoder *format.JSONDecoder
	block   []byte
	rows    int64
}

// Read makes the next block and decodes it.
func (r *ysbReader) Read(ctx context.Context) (*batch.Batch, error) {
	from, to, ok := r.next()
	if !ok {
		return nil, io.EOF
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.block = r.source.make(r.block[:0], from, to)
	l := r.decoder.DecodeLines(r.block, true)
	if len(l.Rejected) > 0 {
		return nil, l.Rejected[0].Problem
	}
	r.rows += int64(l.Rows.Rows)
	return l.Rows, nil
}

// make makes events and notes the CPU time of that.
func (s *ysbSource) make(block []byte, from, to int64) []byte {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := threadTime()
	block = s.bench.workload.AppendEvents(block, from, to)
	s.making.Add(int64(threadTime() - begin))
	return block
}

// Offset is the number of rows read.
func (r *ysbReader) Offset() connect.Offset {
	return binary.AppendUvarint(nil, uint64(r.rows))
}

// Watermark is unknown here: the table's WATERMARK clause decides.
func (r *ysbReader) Watermark() int64 { return batch.NoMark }

// Close does nothing.
func (r *ysbReader) Close() error { return nil }
