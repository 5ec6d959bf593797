package job

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"tidemark/base/batch"
	"tidemark/connect"
	"tidemark/engine/operator"
	"tidemark/plan"
)

// constants is a VALUES list as a source: one split, whose offset is the number
// of batches read.
type constants struct {
	node    *plan.Values
	context *plan.Context
}

func (*constants) Splits(context.Context) ([]connect.SplitID, error) {
	return []connect.SplitID{"values"}, nil
}

func (*constants) Bounded() bool { return true }

func (c *constants) Open(_ context.Context, _ connect.SplitID, from connect.Offset) (connect.Reader, error) {
	ctx := *c.context
	batches, err := operator.ValuesOf(&ctx, c.node)
	if err != nil {
		return nil, err
	}
	r := &constantReader{batches: batches}
	if from != nil {
		at, used := binary.Uvarint(from)
		if used <= 0 || at > uint64(len(batches)) {
			return nil, errors.New("open values: the offset is not one of theirs")
		}
		r.at = int(at)
	}
	return r, nil
}

type constantReader struct {
	batches []*batch.Batch
	at      int
}

func (r *constantReader) Read(context.Context) (*batch.Batch, error) {
	if r.at == len(r.batches) {
		return nil, io.EOF
	}
	r.at++
	return r.batches[r.at-1], nil
}

func (r *constantReader) Offset() connect.Offset { return binary.AppendUvarint(nil, uint64(r.at)) }
func (r *constantReader) Watermark() int64       { return batch.NoMark }
func (r *constantReader) Close() error           { return nil }
