package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/serve/kafka/coordinator"
)

// initProducerID gives a producer its id, and one with a transactional id the
// right to act under it.
func (c *connection) initProducerID(ctx context.Context, request *kmsg.InitProducerIDRequest, response *kmsg.InitProducerIDResponse) {
	response.ProducerID, response.ProducerEpoch = -1, -1
	if request.TransactionalID == nil {
		id, err := c.door.coordinator.ProducerID(ctx)
		if response.ErrorCode = c.code("give a producer id", err); err == nil {
			response.ProducerID, response.ProducerEpoch = id, 0
		}
		return
	}
	p := coordinator.Producer{Transaction: *request.TransactionalID, ID: -1, Epoch: -1}
	if request.Version >= 3 {
		p.ID, p.Epoch = request.ProducerID, request.ProducerEpoch
	}
	p, err := c.door.coordinator.Init(ctx, p, time.Duration(request.TransactionTimeoutMillis)*time.Millisecond)
	if response.ErrorCode = c.code("begin a transactional id", err); err == nil {
		response.ProducerID, response.ProducerEpoch = p.ID, p.Epoch
	}
}

// code is the protocol's code for an error. One of ours is logged: the client
// sees nothing of it.
func (c *connection) code(doing string, err error) int16 {
	code := errorCode(err)
	if code == unknownServerError || code == storageError {
		c.door.config.Logger.Error(doing, "client", c.client, "error", err)
	}
	return code
}

// addPartitions makes partitions part of a transaction.
func (c *connection) addPartitions(ctx context.Context, request *kmsg.AddPartitionsToTxnRequest, response *kmsg.AddPartitionsToTxnResponse) {
	var wanted []coordinator.Partition
	missing := false
	for _, topic := range request.Topics {
		intake, known := c.door.config.Intake(topic.Topic)
		for _, p := range topic.Partitions {
			wanted = append(wanted, coordinator.Partition{Topic: topic.Topic, Partition: p})
			missing = missing || !known || p < 0 || int(p) >= intake.Topic().Partitions()
		}
	}
	var code int16
	if !missing {
		p := coordinator.Producer{Transaction: request.TransactionalID, ID: request.ProducerID, Epoch: request.ProducerEpoch}
		code = c.code("add partitions to a transaction", c.door.coordinator.Add(ctx, p, wanted))
	}
	for _, topic := range request.Topics {
		answer := kmsg.NewAddPartitionsToTxnResponseTopic()
		answer.Topic = topic.Topic
		_, known := c.door.config.Intake(topic.Topic)
		for _, p := range topic.Partitions {
			one := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
			one.Partition, one.ErrorCode = p, code
			if missing && !known {
				one.ErrorCode = unknownTopicOrPartition
			} else if missing {
				one.ErrorCode = operationNotAttempted
			}
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
}

// addOffsets announces that a transaction will commit offsets of a group.
func (c *connection) addOffsets(ctx context.Context, request *kmsg.AddOffsetsToTxnRequest, response *kmsg.AddOffsetsToTxnResponse) {
	p := coordinator.Producer{Transaction: request.TransactionalID, ID: request.ProducerID, Epoch: request.ProducerEpoch}
	response.ErrorCode = c.code("add offsets to a transaction", c.door.coordinator.Add(ctx, p, nil))
}

// stageOffsets makes offsets of a group part of a transaction.
func (c *connection) stageOffsets(ctx context.Context, request *kmsg.TxnOffsetCommitRequest, response *kmsg.TxnOffsetCommitResponse) {
	var offsets []coordinator.Offset
	for _, topic := range request.Topics {
		for _, p := range topic.Partitions {
			offsets = append(offsets, offsetOf(topic.Topic, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata))
		}
	}
	var code int16
	if request.Version >= 3 {
		code = c.door.groups.check(request.Group, request.MemberID, textOf(request.InstanceID), request.Generation)
	}
	if code == 0 {
		p := coordinator.Producer{Transaction: request.TransactionalID, ID: request.ProducerID, Epoch: request.ProducerEpoch}
		code = c.code("commit offsets in a transaction", c.door.coordinator.StageOffsets(ctx, p, request.Group, offsets))
	}
	for _, topic := range request.Topics {
		answer := kmsg.NewTxnOffsetCommitResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			one := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			one.Partition, one.ErrorCode = p.Partition, code
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
}

func offsetOf(topic string, partition int32, offset int64, leaderEpoch int32, metadata *string) coordinator.Offset {
	o := coordinator.Offset{Partition: coordinator.Partition{Topic: topic, Partition: partition}, Offset: offset, LeaderEpoch: leaderEpoch}
	if metadata != nil {
		o.Metadata = *metadata
	}
	return o
}

// endTransaction commits or aborts.
func (c *connection) endTransaction(ctx context.Context, request *kmsg.EndTxnRequest, response *kmsg.EndTxnResponse) {
	p := coordinator.Producer{Transaction: request.TransactionalID, ID: request.ProducerID, Epoch: request.ProducerEpoch}
	response.ErrorCode = c.code("end a transaction", c.door.coordinator.End(ctx, p, request.Commit))
}

// listTransactions tells which transactional ids there are.
func (c *connection) listTransactions(request *kmsg.ListTransactionsRequest, response *kmsg.ListTransactionsResponse) {
	for _, s := range c.door.coordinator.Summaries() {
		if !contains(request.StateFilters, s.State) || !contains(request.ProducerIDFilters, s.ID) {
			continue
		}
		one := kmsg.NewListTransactionsResponseTransactionState()
		one.TransactionalID, one.ProducerID, one.TransactionState = s.Transaction, s.ID, s.State
		response.TransactionStates = append(response.TransactionStates, one)
	}
}

// describeTransactions tells how transactions stand.
func (c *connection) describeTransactions(request *kmsg.DescribeTransactionsRequest, response *kmsg.DescribeTransactionsResponse) {
	all := map[string]coordinator.Summary{}
	for _, s := range c.door.coordinator.Summaries() {
		all[s.Transaction] = s
	}
	for _, name := range request.TransactionalIDs {
		one := kmsg.NewDescribeTransactionsResponseTransactionState()
		one.TransactionalID = name
		s, known := all[name]
		if !known {
			one.ErrorCode = transactionalIDNotFound
			response.TransactionStates = append(response.TransactionStates, one)
			continue
		}
		one.State, one.ProducerID, one.ProducerEpoch = s.State, s.ID, s.Epoch
		one.TimeoutMillis, one.StartTimestamp = clampInt32(s.Timeout.Milliseconds()), -1
		if !s.Begun.IsZero() {
			one.StartTimestamp = s.Begun.UnixMilli()
		}
		for _, p := range s.Partitions {
			topic := kmsg.NewDescribeTransactionsResponseTransactionStateTopic()
			topic.Topic, topic.Partitions = p.Topic, []int32{p.Partition}
			one.Topics = append(one.Topics, topic)
		}
		response.TransactionStates = append(response.TransactionStates, one)
	}
}

// contains reports whether a filter, which is none when it is empty, has a value.
func contains[T comparable](filter []T, value T) bool {
	for _, f := range filter {
		if f == value {
			return true
		}
	}
	return len(filter) == 0
}
