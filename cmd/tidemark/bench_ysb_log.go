package main

import (
	"context"
	"path/filepath"

	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/examples/ysb"
	"tidemark/plan"
	"tidemark/store/eventlog"
)

// ysbSealedSegment is how large segments are that are sealed, so that there are some.
const ysbSealedSegment = 4 << 20

// log writes the events to an event log, which is not measured, and reads them.
func (b *ysbBench) log(ctx context.Context) (*consumption, map[ysb.Key]int64, error) {
	return b.replay(ctx, eventlog.Options{})
}

// sealed is log with the segments compressed, which is not measured either.
func (b *ysbBench) sealed(ctx context.Context) (*consumption, map[ysb.Key]int64, error) {
	return b.replay(ctx, eventlog.Options{SegmentBytes: ysbSealedSegment})
}

func (b *ysbBench) replay(ctx context.Context, options eventlog.Options) (*consumption, map[ysb.Key]int64, error) {
	dir, err := vfs.TemporaryDir("tidemark-bench-")
	if err != nil {
		return nil, nil, err
	}
	defer vfs.RemoveTree(vfs.OS(), dir) //nolint:errcheck // a temporary folder
	log, err := eventlog.Open(vfs.OS(), filepath.Join(dir, "log"), options)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close() //nolint:errcheck // it is removed
	topic, err := log.CreateTopic("ad_events", b.parallelism)
	if err != nil {
		return nil, nil, err
	}
	n, err := b.planned(ctx)
	if err != nil {
		return nil, nil, err
	}
	var fields []value.Field
	plan.Inspect(n, func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok {
			for _, c := range scan.Table.Columns {
				if c.Computed == nil {
					fields = append(fields, value.Field{Name: c.Name, Type: c.Type})
				}
			}
		}
		return true
	})
	intake := native.NewIntake(topic, nil, fields)
	err = b.everyPartition(func(partition int) error {
		var text []byte
		next := b.share(partition, ysbBodyEvents)
		for from, to, ok := next(); ok; from, to, ok = next() {
			text = b.workload.AppendEvents(text[:0], from, to)
			if _, err := intake.Accept(ctx, native.Body{Text: text, Partition: partition}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if options.SegmentBytes == ysbSealedSegment {
		if err := log.Maintain(ctx); err != nil {
			return nil, nil, err
		}
	}
	used := startMeasuring()
	answer, err := b.run(ctx, n, func(r connect.Request) (connect.Source, error) { return native.NewSource(topic, r) })
	used.stop(0)
	return used, answer, err
}
