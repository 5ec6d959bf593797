package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/problem"
	"tidemark/connect/native"
	"tidemark/store/eventlog"
)

// place is a partition of a table.
type place struct {
	table     string
	partition eventlog.Partition
}

// reading is an export that goes on where the client's next fetch is expected.
type reading struct {
	export *native.Export
	topic  *eventlog.Topic // a table that was dropped and made again has another one
	next   eventlog.Offset // what the client will ask for
	used   int64           // when, as a count of fetches
}

// exports are the partitions that a connection reads from.
type exports struct {
	open    map[place]*reading
	fetches int64
	all     *atomic.Int64 // of all connections
}

func (x *exports) close() {
	for at := range x.open {
		x.drop(at)
	}
}

func (x *exports) drop(at place) {
	if r := x.open[at]; r != nil {
		_ = r.export.Close() // it was only read
		delete(x.open, at)
		x.all.Add(-1)
	}
}

// at finds or opens the reading of a partition from an offset on.
func (x *exports) at(at place, topic *eventlog.Topic, from eventlog.Offset) (*reading, error) {
	if r := x.open[at]; r != nil {
		if r.topic == topic && r.next == from {
			r.used = x.fetches
			return r, nil
		}
		x.drop(at)
	}
	export, err := native.NewExport(topic, at.partition, from)
	if err != nil {
		return nil, err
	}
	if x.open == nil {
		x.open = map[place]*reading{}
	}
	if len(x.open) >= exportsMax {
		x.dropOldest()
	}
	r := &reading{export: export, topic: topic, next: from, used: x.fetches}
	x.open[at] = r
	x.all.Add(1)
	return r, nil
}

func (x *exports) dropOldest() {
	var oldest place
	used := x.fetches
	for at, r := range x.open {
		if r.used < used {
			oldest, used = at, r.used
		}
	}
	x.drop(oldest)
}

// fetch answers with what there is, or waits until there is enough.
func (c *connection) fetch(ctx context.Context, h header, request *kmsg.FetchRequest, response *kmsg.FetchResponse) error {
	if n := partitionsOf(request); n > fetchPartitionsMax {
		return fmt.Errorf("%w: a fetch of %d partitions, more than %d", errMalformed, n, fetchPartitionsMax)
	}
	c.exports.fetches++
	most := min(max(int(request.MaxBytes), 1), fetchBytesMax)
	if request.Version < 3 {
		most = fetchBytesMax
	}
	deadline := time.Now().Add(min(max(time.Duration(request.MaxWaitMillis)*time.Millisecond, 0), fetchWaitMax))
	for {
		// Memory is taken only when there is something to put into it.
		if err := c.door.fetches.take(ctx, most); err != nil {
			return err
		}
		size, failed := c.gather(request, response, most)
		if size >= int(request.MinBytes) || failed || !time.Now().Before(deadline) {
			defer c.door.fetches.give(most)
			response.ThrottleMillis = c.throttle()
			return c.send(h, response)
		}
		c.door.fetches.give(most)
		// What was gathered is read again: little, as it is less than the client
		// wants to have at once.
		c.rewind(request)
		if !c.await(ctx, response, deadline) && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// gather fills the answer with up to most bytes, and reports how many there are,
// and whether the client has to be told something else at once.
func (c *connection) gather(request *kmsg.FetchRequest, response *kmsg.FetchResponse, most int) (size int, failed bool) {
	response.Topics = response.Topics[:0]
	for _, topic := range request.Topics {
		answer := kmsg.NewFetchResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			one := kmsg.NewFetchResponseTopicPartition()
			one.Partition = p.Partition
			err := c.gatherOne(topic.Topic, p, &one, min(most-size, int(p.PartitionMaxBytes)), size == 0)
			if err != nil {
				c.exports.drop(place{topic.Topic, eventlog.Partition(p.Partition)})
				one.ErrorCode, failed = errorCode(err), true
				if errors.Is(err, errOutOfRange) {
					one.ErrorCode = offsetOutOfRange
				}
				if one.ErrorCode == unknownServerError {
					c.door.config.Logger.Error("fetch", "table", topic.Topic, "error", err)
				}
			}
			size += len(one.RecordBatches)
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
	return size, failed
}

// errOutOfRange is for an offset that is not there, not any more or not yet.
var errOutOfRange = errors.New("the offset is out of range")

// gatherOne reads messages of one partition; the first one of an answer counts
// for nothing, so that a large one does not stop its reader for ever.
func (c *connection) gatherOne(table string, p kmsg.FetchRequestTopicPartition, one *kmsg.FetchResponseTopicPartition, most int, first bool) error {
	intake, known := c.door.config.Intake(table)
	if !known {
		return problem.New(problem.NotFound, "there is no native table %s", table)
	}
	topic, partition, from := intake.Topic(), eventlog.Partition(p.Partition), eventlog.Offset(p.FetchOffset)
	high, err := topic.HighWater(partition)
	if err != nil {
		return err
	}
	start, err := topic.StartOffset(partition)
	if err != nil {
		return err
	}
	one.HighWatermark, one.LastStableOffset, one.LogStartOffset = int64(high), int64(high), int64(start)
	if from < start || from > high {
		return errOutOfRange
	}
	one.RecordBatches = []byte{}
	if from == high || most <= 0 && !first {
		return nil
	}
	r, err := c.exports.at(place{table, partition}, topic, from)
	if err != nil {
		return err
	}
	w := batchWriter{start: -1, out: make([]byte, 0, min(max(most, batchHeaderBytes), fetchBytesFirst))}
	for {
		m, err := r.export.Peek()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && len(w.out) > 0 {
			break // the client comes again for it
		}
		if err != nil {
			return err
		}
		if size := len(m.Key) + len(m.Value); len(w.out)+size > most && (len(w.out) > 0 || !first) {
			break
		}
		w.add(m)
		r.export.Take()
	}
	next := r.export.Offset()
	if next > from && w.start < 0 && len(w.out) == 0 {
		w.begin(from, 0) // nothing stands there for anybody: this moves the client on
	}
	w.finish(next)
	r.next, one.RecordBatches = next, w.out
	if c.exports.all.Load() > readingsMax {
		c.exports.drop(place{table, partition})
	}
	return nil
}

// rewind makes the readings those of the request again.
func (c *connection) rewind(request *kmsg.FetchRequest) {
	for _, topic := range request.Topics {
		for _, p := range topic.Partitions {
			at := place{topic.Topic, eventlog.Partition(p.Partition)}
			if r := c.exports.open[at]; r != nil && r.next != eventlog.Offset(p.FetchOffset) {
				c.exports.drop(at)
			}
		}
	}
}

// await waits until one of the partitions has more than the answer was made of, or
// the deadline comes; it reports whether there is more.
func (c *connection) await(ctx context.Context, gathered *kmsg.FetchResponse, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	grown := make(chan struct{}, 1)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for _, topic := range gathered.Topics {
		intake, known := c.door.config.Intake(topic.Topic)
		if !known {
			continue
		}
		for _, p := range topic.Partitions {
			all.Go(func() {
				if intake.Topic().Await(ctx, eventlog.Partition(p.Partition), eventlog.Offset(p.HighWatermark)) == nil {
					select {
					case grown <- struct{}{}:
					default:
					}
				}
			})
		}
	}
	select {
	case <-grown:
		return true
	case <-ctx.Done():
		return false
	}
}

// partitionsOf is how many partitions a fetch is about.
func partitionsOf(request *kmsg.FetchRequest) (n int) {
	for _, topic := range request.Topics {
		n += len(topic.Partitions)
	}
	return n
}
