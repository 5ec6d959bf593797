package kafka

import (
	"net"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// clusterID is what clients are told that they have reached.
const clusterID = "tidemark"

// address is where clients should go: where they are told to, or where this one
// has come to.
func (c *connection) address() (host string, port int32) {
	address := c.door.config.Advertise
	if address == "" {
		address = c.net.LocalAddr().String()
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return host, 0
	}
	return host, int32(n)
}

// metadata tells which topics there are: native tables, each with its partitions.
func (c *connection) metadata(request *kmsg.MetadataRequest, response *kmsg.MetadataResponse) {
	broker := kmsg.NewMetadataResponseBroker()
	broker.NodeID = nodeID
	broker.Host, broker.Port = c.address()
	response.Brokers = append(response.Brokers, broker)
	cluster := clusterID
	response.ClusterID, response.ControllerID = &cluster, nodeID
	var names []string
	if request.Topics == nil || request.Version == 0 && len(request.Topics) == 0 {
		names = c.door.config.Tables()
	}
	for _, t := range request.Topics[:min(len(request.Topics), requestTopicsMax)] {
		if t.Topic != nil && !slices.Contains(names, *t.Topic) {
			names = append(names, *t.Topic)
		}
	}
	for _, name := range names {
		response.Topics = append(response.Topics, c.topicMetadata(name))
	}
}

func (c *connection) topicMetadata(name string) kmsg.MetadataResponseTopic {
	topic := kmsg.NewMetadataResponseTopic()
	topic.Topic = kmsg.StringPtr(name)
	intake, known := c.door.config.Intake(name)
	if !known {
		topic.ErrorCode = unknownTopicOrPartition
		return topic
	}
	for id := range intake.Topic().Partitions() {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.Leader, p.LeaderEpoch = int32(id), nodeID, 0
		p.Replicas, p.ISR = []int32{nodeID}, []int32{nodeID}
		topic.Partitions = append(topic.Partitions, p)
	}
	return topic
}

// describeCluster tells the same without topics.
func (c *connection) describeCluster(response *kmsg.DescribeClusterResponse) {
	broker := kmsg.NewDescribeClusterResponseBroker()
	broker.NodeID = nodeID
	broker.Host, broker.Port = c.address()
	response.Brokers, response.ClusterID, response.ControllerID = append(response.Brokers, broker), clusterID, nodeID
}

// findCoordinator answers that it is this one, of whatever.
func (c *connection) findCoordinator(request *kmsg.FindCoordinatorRequest, response *kmsg.FindCoordinatorResponse) {
	host, port := c.address()
	response.NodeID, response.Host, response.Port = nodeID, host, port
	for _, key := range request.CoordinatorKeys[:min(len(request.CoordinatorKeys), requestTopicsMax)] {
		one := kmsg.NewFindCoordinatorResponseCoordinator()
		one.Key, one.NodeID, one.Host, one.Port = key, nodeID, host, port
		response.Coordinators = append(response.Coordinators, one)
	}
}
