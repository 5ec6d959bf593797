package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Keys of APIs that are handled apart.
const (
	produceKey     = int16(kmsg.Produce)
	apiVersionsKey = int16(kmsg.ApiVersions)
)

// api is one kind of request, in the versions that are served.
type api struct {
	name        string
	least, most int16
	stranger    bool // also before the login
}

// apis is all that is served. Left out are the newest versions where they name
// topics by an id, and those in which a producer leaves out steps of a
// transaction.
var apis = map[int16]api{
	int16(kmsg.Produce):              {"Produce", 3, 8, false},
	int16(kmsg.Fetch):                {"Fetch", 4, 12, false},
	int16(kmsg.ListOffsets):          {"ListOffsets", 1, 7, false},
	int16(kmsg.Metadata):             {"Metadata", 0, 9, false},
	int16(kmsg.OffsetCommit):         {"OffsetCommit", 2, 8, false},
	int16(kmsg.OffsetFetch):          {"OffsetFetch", 1, 8, false},
	int16(kmsg.FindCoordinator):      {"FindCoordinator", 0, 4, false},
	int16(kmsg.JoinGroup):            {"JoinGroup", 0, 9, false},
	int16(kmsg.Heartbeat):            {"Heartbeat", 0, 4, false},
	int16(kmsg.LeaveGroup):           {"LeaveGroup", 0, 5, false},
	int16(kmsg.SyncGroup):            {"SyncGroup", 0, 5, false},
	int16(kmsg.DescribeGroups):       {"DescribeGroups", 0, 5, false},
	int16(kmsg.ListGroups):           {"ListGroups", 0, 4, false},
	int16(kmsg.SASLHandshake):        {"SaslHandshake", 0, 1, true},
	int16(kmsg.ApiVersions):          {"ApiVersions", 0, 3, true},
	int16(kmsg.CreateTopics):         {"CreateTopics", 2, 6, false},
	int16(kmsg.DeleteTopics):         {"DeleteTopics", 1, 5, false},
	int16(kmsg.InitProducerID):       {"InitProducerId", 0, 4, false},
	int16(kmsg.OffsetForLeaderEpoch): {"OffsetForLeaderEpoch", 0, 4, false},
	int16(kmsg.AddPartitionsToTxn):   {"AddPartitionsToTxn", 0, 3, false},
	int16(kmsg.AddOffsetsToTxn):      {"AddOffsetsToTxn", 0, 3, false},
	int16(kmsg.EndTxn):               {"EndTxn", 0, 3, false},
	int16(kmsg.TxnOffsetCommit):      {"TxnOffsetCommit", 0, 3, false},
	int16(kmsg.DescribeConfigs):      {"DescribeConfigs", 1, 4, false},
	int16(kmsg.SASLAuthenticate):     {"SaslAuthenticate", 0, 2, true},
	int16(kmsg.DeleteGroups):         {"DeleteGroups", 0, 2, false},
	int16(kmsg.DescribeCluster):      {"DescribeCluster", 0, 1, false},
	int16(kmsg.DescribeTransactions): {"DescribeTransactions", 0, 0, false},
	int16(kmsg.ListTransactions):     {"ListTransactions", 0, 1, false},
}

// fill fills the response to a request; an error ends the connection. Produce and
// Fetch are not here: they answer by themselves.
func (c *connection) fill(ctx context.Context, request kmsg.Request, response kmsg.Response) error {
	switch q := request.(type) {
	case *kmsg.ApiVersionsRequest:
		response.(*kmsg.ApiVersionsResponse).ApiKeys = servedVersions()
	case *kmsg.MetadataRequest:
		c.metadata(q, response.(*kmsg.MetadataResponse))
	case *kmsg.DescribeClusterRequest:
		c.describeCluster(response.(*kmsg.DescribeClusterResponse))
	case *kmsg.FindCoordinatorRequest:
		c.findCoordinator(q, response.(*kmsg.FindCoordinatorResponse))
	case *kmsg.ListOffsetsRequest:
		c.listOffsets(q, response.(*kmsg.ListOffsetsResponse))
	case *kmsg.OffsetForLeaderEpochRequest:
		c.epochEnds(q, response.(*kmsg.OffsetForLeaderEpochResponse))
	case *kmsg.InitProducerIDRequest:
		c.initProducerID(ctx, q, response.(*kmsg.InitProducerIDResponse))
	case *kmsg.AddPartitionsToTxnRequest:
		c.addPartitions(ctx, q, response.(*kmsg.AddPartitionsToTxnResponse))
	case *kmsg.AddOffsetsToTxnRequest:
		c.addOffsets(ctx, q, response.(*kmsg.AddOffsetsToTxnResponse))
	case *kmsg.TxnOffsetCommitRequest:
		c.stageOffsets(ctx, q, response.(*kmsg.TxnOffsetCommitResponse))
	case *kmsg.EndTxnRequest:
		c.endTransaction(ctx, q, response.(*kmsg.EndTxnResponse))
	case *kmsg.ListTransactionsRequest:
		c.listTransactions(q, response.(*kmsg.ListTransactionsResponse))
	case *kmsg.DescribeTransactionsRequest:
		c.describeTransactions(q, response.(*kmsg.DescribeTransactionsResponse))
	case *kmsg.JoinGroupRequest:
		c.joinGroup(ctx, q, response.(*kmsg.JoinGroupResponse))
	case *kmsg.SyncGroupRequest:
		c.syncGroup(ctx, q, response.(*kmsg.SyncGroupResponse))
	case *kmsg.HeartbeatRequest:
		response.(*kmsg.HeartbeatResponse).ErrorCode = c.door.groups.heartbeat(q.Group, q.MemberID, textOf(q.InstanceID), q.Generation)
	case *kmsg.LeaveGroupRequest:
		c.leaveGroup(q, response.(*kmsg.LeaveGroupResponse))
	case *kmsg.OffsetCommitRequest:
		c.commitOffsets(ctx, q, response.(*kmsg.OffsetCommitResponse))
	case *kmsg.OffsetFetchRequest:
		c.committedOffsets(q, response.(*kmsg.OffsetFetchResponse))
	case *kmsg.DescribeGroupsRequest:
		c.describeGroups(q, response.(*kmsg.DescribeGroupsResponse))
	case *kmsg.ListGroupsRequest:
		c.listGroups(q, response.(*kmsg.ListGroupsResponse))
	case *kmsg.DeleteGroupsRequest:
		c.deleteGroups(ctx, q, response.(*kmsg.DeleteGroupsResponse))
	case *kmsg.CreateTopicsRequest:
		c.createTopics(q, response.(*kmsg.CreateTopicsResponse))
	case *kmsg.DeleteTopicsRequest:
		c.deleteTopics(q, response.(*kmsg.DeleteTopicsResponse))
	case *kmsg.DescribeConfigsRequest:
		c.describeConfigs(q, response.(*kmsg.DescribeConfigsResponse))
	case *kmsg.SASLHandshakeRequest:
		c.handshake(q, response.(*kmsg.SASLHandshakeResponse))
	case *kmsg.SASLAuthenticateRequest:
		return c.authenticate(q, response.(*kmsg.SASLAuthenticateResponse))
	default:
		return fmt.Errorf("request %d is listed and not answered", request.Key())
	}
	return nil
}

// unknownVersions answers a client that asks in a version of the future: in the
// oldest one, with what there is.
func unknownVersions() kmsg.Response {
	response := kmsg.NewPtrApiVersionsResponse()
	response.ErrorCode = unsupportedVersion
	response.ApiKeys = servedVersions()
	return response
}

func servedVersions() []kmsg.ApiVersionsResponseApiKey {
	var all []kmsg.ApiVersionsResponseApiKey
	for _, key := range slices.Sorted(maps.Keys(apis)) {
		one := kmsg.NewApiVersionsResponseApiKey()
		one.ApiKey, one.MinVersion, one.MaxVersion = key, apis[key].least, apis[key].most
		all = append(all, one)
	}
	return all
}
