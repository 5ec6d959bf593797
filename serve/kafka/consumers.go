package kafka

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/serve/kafka/coordinator"
)

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// nullText is null for "".
func nullText(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (c *connection) joinGroup(ctx context.Context, q *kmsg.JoinGroupRequest, response *kmsg.JoinGroupResponse) {
	r := joinRequest{
		group: q.Group, member: q.MemberID, instance: textOf(q.InstanceID), client: c.client, host: c.net.RemoteAddr().String(),
		session: time.Duration(q.SessionTimeoutMillis) * time.Millisecond, rebalance: time.Duration(q.RebalanceTimeoutMillis) * time.Millisecond,
		protocolType: q.ProtocolType, needsID: q.Version >= 4,
	}
	for _, p := range q.Protocols {
		r.protocols = append(r.protocols, protocol{p.Name, slices.Clone(p.Metadata)})
	}
	a := c.door.groups.join(ctx, r)
	response.ErrorCode, response.Generation, response.MemberID, response.LeaderID = a.code, a.generation, a.member, a.leader
	response.ProtocolType, response.Protocol = nullText(a.protocolType), &a.chosen
	if a.code != 0 && q.Version >= 7 {
		response.Protocol = nil
	}
	for _, m := range a.members {
		one := kmsg.NewJoinGroupResponseMember()
		one.MemberID, one.InstanceID, one.ProtocolMetadata = m.member, nullText(m.instance), m.metadata
		response.Members = append(response.Members, one)
	}
}

func (c *connection) syncGroup(ctx context.Context, q *kmsg.SyncGroupRequest, response *kmsg.SyncGroupResponse) {
	parts := map[string][]byte{}
	for _, p := range q.GroupAssignment {
		parts[p.MemberID] = slices.Clone(p.MemberAssignment)
	}
	a := c.door.groups.sync(ctx, q.Group, q.MemberID, textOf(q.InstanceID), q.Generation, parts)
	response.ErrorCode, response.MemberAssignment = a.code, a.assignment
	response.ProtocolType, response.Protocol = nullText(a.protocolType), nullText(a.protocol)
	if response.MemberAssignment == nil {
		response.MemberAssignment = []byte{}
	}
}

func (c *connection) leaveGroup(q *kmsg.LeaveGroupRequest, response *kmsg.LeaveGroupResponse) {
	if q.Version < 3 {
		response.ErrorCode = c.door.groups.leave(q.Group, q.MemberID, "")
		return
	}
	for _, m := range q.Members {
		one := kmsg.NewLeaveGroupResponseMember()
		one.MemberID, one.InstanceID = m.MemberID, m.InstanceID
		one.ErrorCode = c.door.groups.leave(q.Group, m.MemberID, textOf(m.InstanceID))
		response.Members = append(response.Members, one)
	}
}

// commitOffsets notes how far a group has come.
func (c *connection) commitOffsets(ctx context.Context, q *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse) {
	code := c.door.groups.check(q.Group, q.MemberID, textOf(q.InstanceID), q.Generation)
	var offsets []coordinator.Offset
	for _, topic := range q.Topics {
		for _, p := range topic.Partitions {
			if c.hasPartition(topic.Topic, p.Partition) {
				offsets = append(offsets, offsetOf(topic.Topic, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata))
			}
		}
	}
	if code == 0 {
		code = c.code("commit offsets", c.door.coordinator.Commit(ctx, q.Group, offsets))
	}
	for _, topic := range q.Topics {
		answer := kmsg.NewOffsetCommitResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			one := kmsg.NewOffsetCommitResponseTopicPartition()
			one.Partition, one.ErrorCode = p.Partition, code
			if code == 0 && !c.hasPartition(topic.Topic, p.Partition) {
				one.ErrorCode = unknownTopicOrPartition
			}
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
}

func (c *connection) hasPartition(table string, partition int32) bool {
	intake, known := c.door.config.Intake(table)
	return known && partition >= 0 && int(partition) < intake.Topic().Partitions()
}

// committedOffsets tells how far groups have come: of the partitions that are
// asked for, or of all.
func (c *connection) committedOffsets(q *kmsg.OffsetFetchRequest, response *kmsg.OffsetFetchResponse) {
	if q.Version < 8 {
		var asked []kmsg.OffsetFetchRequestGroupTopic
		for _, t := range q.Topics {
			asked = append(asked, kmsg.OffsetFetchRequestGroupTopic{Topic: t.Topic, Partitions: t.Partitions})
		}
		for _, t := range c.committed(q.Group, asked, q.Topics == nil, q.RequireStable) {
			topic := kmsg.NewOffsetFetchResponseTopic()
			topic.Topic = t.Topic
			for _, p := range t.Partitions {
				one := kmsg.NewOffsetFetchResponseTopicPartition()
				one.Partition, one.Offset, one.LeaderEpoch, one.Metadata, one.ErrorCode = p.Partition, p.Offset, p.LeaderEpoch, p.Metadata, p.ErrorCode
				topic.Partitions = append(topic.Partitions, one)
			}
			response.Topics = append(response.Topics, topic)
		}
		return
	}
	for _, g := range q.Groups {
		one := kmsg.NewOffsetFetchResponseGroup()
		one.Group = g.Group
		one.Topics = c.committed(g.Group, g.Topics, g.Topics == nil, q.RequireStable)
		response.Groups = append(response.Groups, one)
	}
}

func (c *connection) committed(group string, asked []kmsg.OffsetFetchRequestGroupTopic, everything, stable bool) []kmsg.OffsetFetchResponseGroupTopic {
	offsets, unstable := c.door.coordinator.Committed(group)
	if everything {
		for at := range offsets {
			i := slices.IndexFunc(asked, func(t kmsg.OffsetFetchRequestGroupTopic) bool { return t.Topic == at.Topic })
			if i < 0 {
				i, asked = len(asked), append(asked, kmsg.OffsetFetchRequestGroupTopic{Topic: at.Topic})
			}
			asked[i].Partitions = append(asked[i].Partitions, at.Partition)
		}
	}
	var all []kmsg.OffsetFetchResponseGroupTopic
	for _, t := range asked {
		topic := kmsg.NewOffsetFetchResponseGroupTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			one := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			one.Partition, one.Offset, one.LeaderEpoch, one.Metadata = p, -1, -1, kmsg.StringPtr("")
			at := coordinator.Partition{Topic: t.Topic, Partition: p}
			if o, known := offsets[at]; known {
				one.Offset, one.LeaderEpoch, one.Metadata = o.Offset, o.LeaderEpoch, &o.Metadata
			}
			if stable && unstable[at] {
				one.ErrorCode = unstableOffsetCommit
			}
			topic.Partitions = append(topic.Partitions, one)
		}
		all = append(all, topic)
	}
	return all
}

func (c *connection) describeGroups(q *kmsg.DescribeGroupsRequest, response *kmsg.DescribeGroupsResponse) {
	for _, name := range q.Groups {
		one := kmsg.NewDescribeGroupsResponseGroup()
		one.Group = name
		v, known := c.door.groups.view(name)
		one.State, one.ProtocolType, one.Protocol = string(v.state), v.protocolType, v.protocol
		if !known && !slices.Contains(c.door.coordinator.Groups(), name) {
			one.State = "Dead"
		}
		for _, m := range v.members {
			member := kmsg.NewDescribeGroupsResponseGroupMember()
			member.MemberID, member.InstanceID, member.ClientID, member.ClientHost = m.id, nullText(m.instance), m.client, m.host
			member.ProtocolMetadata, member.MemberAssignment = append([]byte{}, m.metadata...), append([]byte{}, m.assignment...)
			one.Members = append(one.Members, member)
		}
		response.Groups = append(response.Groups, one)
	}
}

func (c *connection) listGroups(q *kmsg.ListGroupsRequest, response *kmsg.ListGroupsResponse) {
	names := append(c.door.groups.names(), c.door.coordinator.Groups()...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		v, _ := c.door.groups.view(name)
		if !contains(q.StatesFilter, string(v.state)) {
			continue
		}
		one := kmsg.NewListGroupsResponseGroup()
		one.Group, one.GroupState, one.ProtocolType = name, string(v.state), v.protocolType
		response.Groups = append(response.Groups, one)
	}
}

func (c *connection) deleteGroups(ctx context.Context, q *kmsg.DeleteGroupsRequest, response *kmsg.DeleteGroupsResponse) {
	for _, name := range q.Groups {
		one := kmsg.NewDeleteGroupsResponseGroup()
		one.Group = name
		if _, hasMembers := c.door.groups.view(name); hasMembers {
			one.ErrorCode = nonEmptyGroup
		} else if known, err := c.door.coordinator.Forget(ctx, name); err != nil {
			one.ErrorCode = c.code("delete a group", err)
		} else if !known {
			one.ErrorCode = groupIDNotFound
		}
		response.Groups = append(response.Groups, one)
	}
}
