package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/file"
	"tidemark/examples/ysb"
)

// file writes the events to a file of JSON lines for each worker, which is not
// measured, and reads them with the filesystem connector.
func (b *ysbBench) file(ctx context.Context) (used *consumption, answer map[ysb.Key]int64, err error) {
	n, err := b.planned(ctx)
	if err != nil {
		return nil, nil, err
	}
	dir, err := vfs.TemporaryDir("tidemark-ysb-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, vfs.RemoveTree(vfs.OS(), dir)) }()
	if err := b.everyPartition(func(partition int) error { return b.write(dir, partition) }); err != nil {
		return nil, nil, err
	}
	used = startMeasuring()
	answer, err = b.run(ctx, n, func(r connect.Request) (connect.Source, error) {
		r.Options = map[string]string{"path": dir, "format": "json"}
		return file.Connector().Source(r)
	})
	used.stop(0)
	return used, answer, err
}

// write makes the file of a partition.
func (b *ysbBench) write(dir string, partition int) error {
	f, err := vfs.OS().Create(filepath.Join(dir, fmt.Sprintf("%d.json", partition)))
	if err != nil {
		return err
	}
	var lines []byte
	next := b.share(partition, ysbBodyEvents)
	for from, to, ok := next(); ok && err == nil; from, to, ok = next() {
		lines = b.workload.AppendEvents(lines[:0], from, to)
		_, err = f.Write(lines)
	}
	return errors.Join(err, f.Close())
}
