package native

import (
	"context"

	"tidemark/connect"
	"tidemark/store/olap"
)

// Sink applies epochs to a table of the hot store.
type Sink struct{ writer *olap.Writer }

// NewSink makes the sink of a stored table, which must exist.
func NewSink(writer *olap.Writer) *Sink { return &Sink{writer} }

// Committed is the last epoch that the stored table holds.
func (s *Sink) Committed(ctx context.Context) (connect.Epoch, error) {
	epoch, _, err := s.writer.Committed(ctx)
	return connect.Epoch(epoch), err
}

// Apply writes an epoch with its number in one transaction.
func (s *Sink) Apply(ctx context.Context, c connect.Commit) error {
	return s.writer.Apply(ctx, uint64(c.Epoch), c.Watermark, c.Batches)
}

// Close leaves the writer to the hot store, which owns it.
func (s *Sink) Close() error { return nil }
