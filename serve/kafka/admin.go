package kafka

import (
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// createTopics refuses: a table needs columns, which a client cannot say.
func (c *connection) createTopics(q *kmsg.CreateTopicsRequest, response *kmsg.CreateTopicsResponse) {
	for _, t := range q.Topics {
		one := kmsg.NewCreateTopicsResponseTopic()
		one.Topic, one.ErrorCode = t.Topic, policyViolation
		text := fmt.Sprintf("topics are tables here: CREATE TABLE `%s` (…) WITH ('partitions' = '%d') makes one", t.Topic, max(t.NumPartitions, 1))
		if _, known := c.door.config.Intake(t.Topic); known {
			one.ErrorCode, text = topicAlreadyExists, "the table "+t.Topic+" exists"
		}
		one.ErrorMessage = &text
		response.Topics = append(response.Topics, one)
	}
}

// deleteTopics refuses: what is computed from a table has to be looked at first.
func (c *connection) deleteTopics(q *kmsg.DeleteTopicsRequest, response *kmsg.DeleteTopicsResponse) {
	text := "topics are tables here: DROP TABLE removes one"
	for _, name := range q.TopicNames {
		one := kmsg.NewDeleteTopicsResponseTopic()
		one.Topic, one.ErrorCode, one.ErrorMessage = kmsg.StringPtr(name), topicDeletionDisabled, &text
		if _, known := c.door.config.Intake(name); !known {
			one.ErrorCode, one.ErrorMessage = unknownTopicOrPartition, nil
		}
		response.Topics = append(response.Topics, one)
	}
}

// describeConfigs tells those settings that clients ask for.
func (c *connection) describeConfigs(q *kmsg.DescribeConfigsRequest, response *kmsg.DescribeConfigsResponse) {
	for _, r := range q.Resources {
		one := kmsg.NewDescribeConfigsResponseResource()
		one.ResourceType, one.ResourceName = r.ResourceType, r.ResourceName
		settings := [][2]string{}
		switch r.ResourceType {
		case kmsg.ConfigResourceTypeTopic:
			if _, known := c.door.config.Intake(r.ResourceName); !known {
				one.ErrorCode = unknownTopicOrPartition
				break
			}
			settings = [][2]string{
				{"cleanup.policy", "delete"}, {"compression.type", "uncompressed"}, {"max.message.bytes", strconv.Itoa(batchBytesMax)},
				{"message.timestamp.type", "LogAppendTime"}, {"min.insync.replicas", "1"},
			}
		case kmsg.ConfigResourceTypeBroker:
			settings = [][2]string{
				{"auto.create.topics.enable", "false"}, {"delete.topic.enable", "false"}, {"default.replication.factor", "1"},
				{"message.max.bytes", strconv.Itoa(batchBytesMax)}, {"transaction.max.timeout.ms", "900000"},
			}
		default:
			one.ErrorCode = invalidRequest
		}
		for _, setting := range settings {
			if !contains(r.ConfigNames, setting[0]) {
				continue
			}
			config := kmsg.NewDescribeConfigsResponseResourceConfig()
			config.Name, config.Value, config.ReadOnly = setting[0], kmsg.StringPtr(setting[1]), true
			config.Source = kmsg.ConfigSourceStaticBrokerConfig
			one.Configs = append(one.Configs, config)
		}
		response.Resources = append(response.Resources, one)
	}
}
