package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/problem"
	"tidemark/connect"
)

// partitionID names a partition.
type partitionID struct {
	topic  string
	number int32
}

// split is the partition's name in a job. No topic has a / in its name.
func (p partitionID) split() connect.SplitID {
	return connect.SplitID(p.topic + "/" + strconv.Itoa(int(p.number)))
}

func (p partitionID) String() string {
	return fmt.Sprintf("partition %d of topic %s", p.number, p.topic)
}

// parseSplit reads what split wrote.
func parseSplit(id connect.SplitID) (partitionID, error) {
	topic, number, found := strings.Cut(string(id), "/")
	n, err := strconv.ParseInt(number, 10, 32)
	if !found || err != nil {
		return partitionID{}, fmt.Errorf("%q names no partition", id)
	}
	return partitionID{topic, int32(n)}, nil
}

// leadership is where a partition is read.
type leadership struct {
	topicID     [16]byte
	broker      int32
	brokerEpoch int32
}

// cluster asks brokers about topics and offsets.
type cluster struct {
	client    *kgo.Client
	servers   []string
	committed bool // offsets end before transactions under way
}

func (c *cluster) unreachable(doing string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	for _, denied := range []error{kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.SaslAuthenticationFailed} {
		if errors.Is(err, denied) {
			return problem.New(problem.InvalidOption, "Kafka refuses to %s: %v", doing, err).WithHint("look at the ACLs of the user and at properties.sasl.*")
		}
	}
	return problem.New(problem.Timeout, "%s of Kafka at %s: %v", doing, strings.Join(c.servers, ","), err).Retryable().
		WithHint("see that the brokers run and that properties.bootstrap.servers names them")
}

// leaders finds the partitions of some topics; nil asks for all topics but
// internal ones. A topic that is not there has none.
func (c *cluster) leaders(ctx context.Context, topics []string) (map[partitionID]leadership, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil, c.unreachable("list topics", err)
	}
	all := map[partitionID]leadership{}
	for _, topic := range response.Topics {
		if topic.Topic == nil || topic.IsInternal {
			continue
		}
		switch err := kerr.ErrorForCode(topic.ErrorCode); {
		case errors.Is(err, kerr.UnknownTopicOrPartition), err != nil && topics == nil:
			continue
		case err != nil && !kerr.IsRetriable(err):
			return nil, c.unreachable("list topic "+*topic.Topic, err)
		}
		for _, p := range topic.Partitions {
			all[partitionID{*topic.Topic, p.Partition}] = leadership{topic.TopicID, p.Leader, p.LeaderEpoch}
		}
	}
	return all, nil
}

// Times that stand for places in ListOffsets.
const (
	timeLatest   = -1
	timeEarliest = -2
)

// offsetAt is the first offset of a partition at or behind a time, ms; -1 when
// there is none. timeLatest and timeEarliest are its ends.
func (c *cluster) offsetAt(ctx context.Context, p partitionID, millis int64) (int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	if c.committed {
		request.IsolationLevel = 1
	}
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Partition, partition.Timestamp, partition.CurrentLeaderEpoch = p.number, millis, -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, topic.Partitions = p.topic, append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return 0, c.unreachable("look up an offset of "+p.String(), err)
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return 0, c.unreachable("look up an offset of "+p.String(), errors.New("the answer is about something else"))
	}
	found := response.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(found.ErrorCode); err != nil {
		return 0, c.unreachable("look up an offset of "+p.String(), err)
	}
	return found.Offset, nil
}

// groupOffset is what a consumer group has committed for a partition, -1 for
// nothing, and the note beside it. With stable it waits for transactions that
// commit such an offset right now.
func (c *cluster) groupOffset(ctx context.Context, group string, p partitionID, stable bool) (at int64, note string, err error) {
	asking := ctx
	if stable {
		asking = kadm.RequireStable(ctx)
	}
	var offsets kadm.OffsetResponses
	err = untilFree(ctx, func() (err error) {
		offsets, err = kadm.NewClient(c.client).FetchOffsets(asking, group)
		if found, ok := offsets.Lookup(p.topic, p.number); ok && err == nil {
			err = found.Err
		}
		return err
	})
	if errors.Is(err, kerr.GroupIDNotFound) {
		return -1, "", nil
	}
	if err != nil {
		return 0, "", c.unreachable("read the offsets of group "+group, err)
	}
	found, ok := offsets.Lookup(p.topic, p.number)
	if !ok {
		return -1, "", nil
	}
	return found.At, found.Metadata, nil
}

// sorted gives partitions in a stable order: by topic, and by number.
func sorted(all map[partitionID]leadership) []partitionID {
	ids := make([]partitionID, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b partitionID) int {
		if a.topic != b.topic {
			return strings.Compare(a.topic, b.topic)
		}
		return int(a.number) - int(b.number)
	})
	return ids
}
