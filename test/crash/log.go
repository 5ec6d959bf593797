package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/store/eventlog"
)

// countLog reads the event log of a server that does not run, and compares what
// is in it with what was acknowledged: each event once, its offsets without
// gaps.
func countLog(ctx context.Context, s *server, topicName string, want counts) error {
	log, err := eventlog.Open(vfs.OS(), filepath.Join(s.dir, "data", "log"), eventlog.Options{})
	if err != nil {
		return err
	}
	defer log.Close()
	topic, err := log.Topic(topicName)
	if err != nil {
		return err
	}
	source, err := native.NewSource(topic, connect.Request{Table: topicName, Bounded: true, Columns: []connect.Column{
		{Name: "id", Type: value.StringType}, {Name: "n", Type: value.BigIntType}, {Name: "place", Type: value.BigIntType, Metadata: "offset"},
	}})
	if err != nil {
		return err
	}
	splits, err := source.Splits(ctx)
	if err != nil {
		return err
	}
	var got counts
	seen := map[string]bool{}
	for _, split := range splits {
		found, err := countSplit(ctx, source, split, seen)
		if err != nil {
			return fmt.Errorf("%s of the log: %w", split, err)
		}
		got.events += found.events
		got.total += found.total
	}
	if got != want {
		return fmt.Errorf("the log has %d events with a total of %d; acknowledged were %d with %d", got.events, got.total, want.events, want.total)
	}
	fmt.Printf("%d events in the log, each once\n", got.events)
	return nil
}

func countSplit(ctx context.Context, source *native.Source, split connect.SplitID, seen map[string]bool) (found counts, err error) {
	reader, err := source.Open(ctx, split, nil)
	if err != nil {
		return found, err
	}
	defer reader.Close()
	for {
		rows, err := reader.Read(ctx)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		for i := range rows.Rows {
			id, offset := string(rows.Columns[0].Bytes(i)), rows.Columns[2].Ints[i]
			switch {
			case offset != found.events:
				return found, fmt.Errorf("offset %d instead of %d", offset, found.events)
			case seen[id]:
				return found, fmt.Errorf("event %s is there twice, the second time at %d", id, offset)
			}
			seen[id] = true
			found.events++
			found.total += rows.Columns[1].Ints[i]
		}
	}
}
