package kafka

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/problem"
	"tidemark/store/eventlog"
)

// Times that stand for places.
const (
	latestTime   = -1
	earliestTime = -2
	maxTime      = -3
)

// listOffsets tells where partitions begin, end, or have come to at a time.
func (c *connection) listOffsets(request *kmsg.ListOffsetsRequest, response *kmsg.ListOffsetsResponse) {
	for _, topic := range request.Topics {
		answer := kmsg.NewListOffsetsResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			one := kmsg.NewListOffsetsResponseTopicPartition()
			one.Partition, one.LeaderEpoch = p.Partition, 0
			offset, timeMS, err := c.door.offsetAt(topic.Topic, eventlog.Partition(p.Partition), p.Timestamp)
			one.ErrorCode, one.Offset, one.Timestamp = errorCode(err), int64(offset), timeMS
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
}

// offsetAt finds a place by time, which stands beside it where it is that of a
// record.
func (d *Door) offsetAt(table string, partition eventlog.Partition, at int64) (offset eventlog.Offset, timeMS int64, err error) {
	intake, known := d.config.Intake(table)
	if !known {
		return -1, -1, problem.New(problem.NotFound, "there is no native table %s", table)
	}
	topic := intake.Topic()
	high, err := topic.HighWater(partition)
	if err != nil {
		return -1, -1, err
	}
	switch {
	case at == latestTime:
		return high, -1, nil
	case at == earliestTime:
		offset, err = topic.StartOffset(partition)
		return offset, -1, err
	case at == maxTime:
		if at, err = topic.NewestTime(partition); err != nil {
			return -1, -1, err
		}
	case at < 0:
		return -1, -1, problem.New(problem.InvalidRequest, "no place is called %d", at)
	}
	if offset, err = topic.OffsetAt(partition, time.UnixMilli(at)); err != nil || offset >= high {
		return -1, -1, err // nothing is as new
	}
	return offset, at, nil
}

// epochEnds answers consumers that ask whether the log was cut behind their back.
// It never is: there is one leader, of epoch 0.
func (c *connection) epochEnds(request *kmsg.OffsetForLeaderEpochRequest, response *kmsg.OffsetForLeaderEpochResponse) {
	for _, topic := range request.Topics {
		answer := kmsg.NewOffsetForLeaderEpochResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			one := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			one.Partition, one.LeaderEpoch = p.Partition, 0
			offset, _, err := c.door.offsetAt(topic.Topic, eventlog.Partition(p.Partition), latestTime)
			one.ErrorCode, one.EndOffset = errorCode(err), int64(offset)
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
}
