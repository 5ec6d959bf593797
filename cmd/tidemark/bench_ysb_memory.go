package main

import (
	"context"
	"time"

	"tidemark/connect"
	"tidemark/examples/ysb"
)

func (b *ysbBench) memory(ctx context.Context) (*consumption, map[ysb.Key]int64, error) {
	n, err := b.planned(ctx)
	if err != nil {
		return nil, nil, err
	}
	source := &madeSource{partitions: b.parallelism, blocks: func(_ context.Context, partition int) func([]byte) ([]byte, bool) {
		next := b.share(partition, ysbBlockEvents)
		return func(block []byte) ([]byte, bool) {
			from, to, ok := next()
			if !ok {
				return block, false
			}
			return b.workload.AppendEvents(block, from, to), true
		}
	}}
	used := startMeasuring()
	answer, err := b.run(ctx, n, func(r connect.Request) (connect.Source, error) {
		source.request = r
		return source, nil
	})
	used.stop(time.Duration(source.making.Load()))
	return used, answer, err
}
