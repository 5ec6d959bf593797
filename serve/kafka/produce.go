package kafka

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/problem"
	"tidemark/connect/native"
	"tidemark/serve/kafka/coordinator"
	"tidemark/store/eventlog"
)

// produceRequest is a request to write. Its bytes are views into the frame.
type produceRequest struct {
	transaction string // transactional id, "" for none
	acks        int16
	timeout     time.Duration
	parts       []producePart
}

// producePart is what goes to one partition.
type producePart struct {
	topic     string
	partition int32
	records   []byte // a batch, as it came
}

// readProduce reads the request without allocating by its counts.
func readProduce(b []byte) (*produceRequest, error) {
	r := reader{rest: b}
	transaction, _ := r.nullable()
	q := &produceRequest{transaction: string(transaction), acks: r.int16(), timeout: time.Duration(r.int32()) * time.Millisecond}
	for range r.int32() {
		name, _ := r.nullable()
		topic := string(name)
		for range r.int32() {
			part := producePart{topic: topic, partition: r.int32()}
			if n := r.int32(); n > 0 {
				part.records = r.take(int(n))
			}
			if r.failed || len(q.parts) >= requestTopicsMax {
				return nil, errMalformed
			}
			q.parts = append(q.parts, part)
		}
		if r.failed {
			break
		}
	}
	if r.failed || len(r.rest) > 0 {
		return nil, errMalformed
	}
	return q, nil
}

// produced is what became of a part.
type produced struct {
	err    error
	first  eventlog.Offset // -1 when it is not known
	timeMS int64           // -1 when it is not known
	start  eventlog.Offset
}

// produce writes all parts, those of different partitions at once, and gives the
// answer; nil when the client wants none.
func (c *connection) produce(ctx context.Context, q *produceRequest, version int16) kmsg.Response {
	ctx, cancel := context.WithTimeout(ctx, min(max(q.timeout, time.Second), produceTimeoutMax))
	defer cancel()
	results := make([]produced, len(q.parts))
	if len(q.parts) == 1 {
		results[0] = c.door.producePart(ctx, q, q.parts[0])
	} else {
		var all sync.WaitGroup
		places := make(chan struct{}, decodingMax)
		for i := range q.parts {
			places <- struct{}{}
			all.Go(func() {
				results[i] = c.door.producePart(ctx, q, q.parts[i])
				<-places
			})
		}
		all.Wait()
	}
	c.pause = c.door.pause(q)
	if q.acks == 0 {
		return nil
	}
	response := kmsg.NewPtrProduceResponse()
	response.Version = version
	response.ThrottleMillis = max(c.throttle(), int32(c.pause.Milliseconds()))
	for i, part := range q.parts {
		one := kmsg.NewProduceResponseTopicPartition()
		one.Partition, one.BaseOffset = part.partition, int64(results[i].first)
		one.LogAppendTime, one.LogStartOffset = results[i].timeMS, int64(results[i].start)
		if err := results[i].err; err != nil {
			one.ErrorCode, one.BaseOffset = errorCode(err), -1
			text := err.Error()
			one.ErrorMessage = &text
			if one.ErrorCode == unknownServerError {
				c.door.config.Logger.Error("produce", "table", part.topic, "error", err)
				one.ErrorMessage = nil
			}
		}
		at := slices.IndexFunc(response.Topics, func(t kmsg.ProduceResponseTopic) bool { return t.Topic == part.topic })
		if at < 0 {
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic = part.topic
			response.Topics, at = append(response.Topics, topic), len(response.Topics)
		}
		response.Topics[at].Partitions = append(response.Topics[at].Partitions, one)
	}
	return response
}

// producePart writes one part.
func (d *Door) producePart(ctx context.Context, q *produceRequest, part producePart) produced {
	result := produced{first: -1, timeMS: -1, start: -1}
	intake, known := d.config.Intake(part.topic)
	if !known {
		result.err = problem.New(problem.NotFound, "there is no native table %s", part.topic)
		return result
	}
	if result.start, result.err = intake.Topic().StartOffset(eventlog.Partition(part.partition)); result.err != nil {
		return result
	}
	select {
	case d.decoding <- struct{}{}:
	case <-ctx.Done():
		result.err = ctx.Err()
		return result
	}
	defer func() { <-d.decoding }()
	b, err := readBatch(part.records)
	if err != nil {
		result.err = err
		return result
	}
	if b.transactional {
		result.err = d.stage(ctx, intake, q.transaction, part, b)
		return result
	}
	if q.transaction != "" {
		result.err = problem.New(problem.InvalidRequest, "a batch outside of the transaction came with the transactional id %q", q.transaction)
		return result
	}
	receipt, err := intake.AcceptRecords(ctx, native.Records{Partition: eventlog.Partition(part.partition), Encoded: b.records, Count: b.count, Producer: b.producer})
	if err != nil {
		result.err = err
		return result
	}
	d.count(part.topic, b.count, receipt)
	result.first, result.timeMS = receipt.First, receipt.TimeMS
	return result
}

// pause is how long a client that has produced should wait until it sends more: for
// the quotas of the tables, or because those who read them are too far behind.
func (d *Door) pause(q *produceRequest) (wait time.Duration) {
	for _, part := range q.parts {
		if intake, known := d.config.Intake(part.topic); known {
			longer, _ := intake.Wait()
			wait = max(wait, longer)
		}
	}
	return min(wait, pauseMax)
}

// stage keeps a batch for when its transaction is committed. Its offset is known
// only then.
func (d *Door) stage(ctx context.Context, intake *native.Intake, transaction string, part producePart, b recordBatch) error {
	if b.producer == nil {
		return problem.New(problem.InvalidRequest, "a batch of a transaction has no producer id")
	}
	// What is wrong must not come up when it is too late to refuse it.
	if err := intake.CheckRecords(ctx, b.records, b.count); err != nil {
		return err
	}
	err := d.coordinator.Stage(ctx, coordinator.Producer{Transaction: transaction, ID: b.producer.ID, Epoch: b.producer.Epoch},
		coordinator.Batch{Topic: part.topic, Partition: part.partition, Sequence: b.producer.Sequence, Count: b.count, Encoded: b.records})
	if errors.Is(err, coordinator.ErrFenced) {
		return eventlog.ErrFenced // producers know it by the code for epochs
	}
	return err
}

// apply stores a batch of a committed transaction. A table that is gone by now
// has taken its events with it.
func (d *Door) apply(ctx context.Context, key string, b coordinator.Batch) error {
	intake, known := d.config.Intake(b.Topic)
	if !known {
		if _, err := d.config.Log.Topic(b.Topic); !problem.Is(err, problem.NotFound) {
			return problem.New(problem.NotFound, "the table %s is not defined now", b.Topic) // but its events are kept
		}
	}
	if !known || int(b.Partition) >= intake.Topic().Partitions() {
		d.config.Logger.Warn("records of a transaction are for a table that is gone", "table", b.Topic, "records", b.Count)
		return nil
	}
	receipt, err := intake.AcceptRecords(ctx, native.Records{Partition: eventlog.Partition(b.Partition), Encoded: b.Encoded, Count: b.Count, Key: key})
	if err == nil {
		d.count(b.Topic, b.Count, receipt)
	}
	return err
}

func (d *Door) count(table string, records int, receipt native.RecordsReceipt) {
	if receipt.Duplicate {
		d.metrics.records.WithLabelValues(table, "duplicate").Add(float64(records))
		return
	}
	d.metrics.records.WithLabelValues(table, "accepted").Add(float64(records - receipt.Quarantined))
	if receipt.Quarantined > 0 {
		d.metrics.records.WithLabelValues(table, "quarantined").Add(float64(receipt.Quarantined))
	}
}
