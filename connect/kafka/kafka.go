// Package kafka is the connectors 'kafka' and 'upsert-kafka': rows from the
// topics of a Kafka cluster, and rows into one.
//
// It is no Kafka server (serve/kafka is the door for clients of Kafka) and no
// general client: requests, connections and authentication are franz-go's.
//
// Flow of a source: Splits lists the partitions → Open finds where to begin
// (startup.go) and joins the fetcher, which asks each broker for all of its
// partitions at once (fetch.go) → Read takes record batches apart where they lie
// (records.go) and decodes keys and values from there (decode.go).
// Flow of a sink: Apply encodes the rows of an epoch → produces them in one
// transaction together with the epoch's number, which is kept as a committed
// offset (sink.go, transaction.go). Without transactions it produces them and
// waits for the brokers.
//
// Invariants:
//  1. An Offset is the next record's, so a restart reads neither a record twice
//     nor none. The first batch of a reader has no rows: it fixes the place where
//     reading began, which is not looked up again.
//  2. Records of aborted transactions are never rows; nor, unless asked for, are
//     those of transactions under way.
//  3. Records that retention removed before they were read are a problem, not a
//     silent gap, unless the table says where to go on.
//  4. Exactly once: an epoch's records and its number are committed together. A
//     sink whose number cannot be known does not guess.
//  5. Offsets committed to the consumer group are for others to look at; no
//     reader with an Offset of its own uses them.
package kafka

import (
	"time"

	"tidemark/base/value"
	"tidemark/connect"
)

// Limits.
const (
	fetchBytesMax     = 32 << 20  // one answer of a broker
	partitionBytesMax = 4 << 20   // of one partition in it
	partitionBytesMin = 256 << 10 // the same when there are many of them
	unpackedBytesMax  = 1 << 30   // one record batch without its compression
	partitionsMax     = 10_000    // of one table
	// fetchWait is how long a broker may wait for records. A partition that joins
	// meanwhile waits as well.
	fetchWait = 100 * time.Millisecond
	// fetchWaitShort is how long a broker may wait for records when there are
	// partitions that are not asked for, because their last answer is still being
	// read: it must not keep them waiting.
	fetchWaitShort = 10 * time.Millisecond
	// unreachableMax is how long a reader goes without an answer before it gives up.
	unreachableMax = time.Minute
	backoff        = 200 * time.Millisecond
	groupInterval  = 5 * time.Second // between two commits of offsets to the group
)

// discoveryDefault is how often new partitions are looked for, as in Flink.
const discoveryDefault = 5 * time.Minute

// Names of options that are read in more than one place.
const (
	optTopic          = "topic"
	optPattern        = "topic-pattern"
	optFormat         = "format"
	optKeyFormat      = "key.format"
	optValueFormat    = "value.format"
	optKeyFields      = "key.fields"
	optKeyPrefix      = "key.fields-prefix"
	optInclude        = "value.fields-include"
	optStartMode      = "scan.startup.mode"
	optStartOffsets   = "scan.startup.specific-offsets"
	optStartMillis    = "scan.startup.timestamp-millis"
	optBoundedMode    = "scan.bounded.mode"
	optBoundedOffsets = "scan.bounded.specific-offsets"
	optBoundedMillis  = "scan.bounded.timestamp-millis"
	optDiscovery      = "scan.topic-partition-discovery.interval"
	optPartitioner    = "sink.partitioner"
	optGuarantee      = "sink.delivery-guarantee"
	optTransactional  = "sink.transactional-id-prefix"
	optMissingMarker  = "sink.missing-marker"
	propertyPrefix    = "properties."
)

// shared are the options of both connectors.
func shared() []connect.Option {
	return []connect.Option{
		{Name: propertyPrefix, Doc: "settings of the Kafka client, such as properties.bootstrap.servers", Prefix: true},
		{Name: optKeyPrefix, Doc: "what the names of key columns begin with in the table and not in the key"},
		{Name: optInclude, Doc: "whether the value has the key's columns too", Default: "ALL", Values: []string{"ALL", "EXCEPT_KEY"}},
		{Name: optBoundedMode, Doc: "where reading ends", Default: "unbounded", Values: []string{"unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}},
		{Name: optBoundedOffsets, Doc: "partition:0,offset:42;partition:1,offset:300"},
		{Name: optBoundedMillis, Doc: "time of the first record that is not read, ms since 1970"},
		{Name: optDiscovery, Doc: "how often to look for new partitions; 0 for never", Default: "5 min"},
		{Name: "scan.parallelism", Doc: "accepted for Flink's sake; partitions are dealt out to the job's workers"},
		{Name: "sink.parallelism", Doc: "accepted for Flink's sake; one producer writes an epoch"},
		{Name: optGuarantee, Doc: "what a crash may do to the output", Default: "at-least-once", Values: []string{"none", "at-least-once", "exactly-once"}},
		{Name: optTransactional, Doc: "what the transactional id and the group of the epoch's marker begin with"},
		{Name: optMissingMarker, Doc: "what to do when Kafka has forgotten which epoch it has", Default: "fail", Values: []string{"fail", "resend", "skip"}},
	}
}

// Connectors are 'kafka' and 'upsert-kafka'.
func Connectors() []connect.Connector {
	plain := append(shared(),
		connect.Option{Name: optTopic, Doc: "the topic, or several for reading, with ; between them"},
		connect.Option{Name: optPattern, Doc: "regular expression for the names of the topics to read"},
		connect.Option{Name: optFormat, Doc: "how values are written"},
		connect.Option{Name: optValueFormat, Doc: "how values are written"},
		connect.Option{Name: optKeyFormat, Doc: "how keys are written"},
		connect.Option{Name: optKeyFields, Doc: "columns of the key, with ; between them"},
		connect.Option{Name: optStartMode, Doc: "where reading begins", Default: "group-offsets", Values: []string{"earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}},
		connect.Option{Name: optStartOffsets, Doc: "partition:0,offset:42;partition:1,offset:300"},
		connect.Option{Name: optStartMillis, Doc: "time of the first record to read, ms since 1970"},
		connect.Option{Name: optPartitioner, Doc: "which partition a row goes to: default (by key, or all in turn), round-robin, fixed", Default: "default"},
	)
	upsert := append(shared(),
		connect.Option{Name: optTopic, Doc: "the topic, or several for reading, with ; between them", Required: true},
		connect.Option{Name: optKeyFormat, Doc: "how keys are written", Required: true},
		connect.Option{Name: optValueFormat, Doc: "how values are written", Required: true},
		connect.Option{Name: "sink.buffer-flush.", Doc: "accepted for Flink's sake; an epoch has one record a key", Prefix: true},
	)
	return []connect.Connector{
		{
			Name: Name, Doc: "records of Kafka topics", Options: plain,
			Source: func(r connect.Request) (connect.Source, error) { return newSource(r, false) },
			Sink:   func(r connect.Request) (connect.Sink, error) { return newSink(r, false) },
		},
		{
			Name: UpsertName, Doc: "the newest value of each key of a Kafka topic", Options: upsert,
			Source:  func(r connect.Request) (connect.Source, error) { return newSource(r, true) },
			Sink:    func(r connect.Request) (connect.Sink, error) { return newSink(r, true) },
			Updates: func(connect.Request) connect.Updates { return connect.UpdatesByKey },
		},
	}
}

// The names of the connectors: of rows as they come, and of rows that replace each
// other by key.
const (
	Name       = "kafka"
	UpsertName = "upsert-kafka"
)

// metadataTypes are the metadata columns there are.
var metadataTypes = map[string]value.Type{
	"topic":          value.StringType.Required(),
	"partition":      value.IntType.Required(),
	"headers":        value.MapOf(value.StringType.Required(), value.BytesType).Required(),
	"leader-epoch":   value.IntType,
	"offset":         value.BigIntType.Required(),
	"timestamp":      value.TimestampLTZOf(3).Required(),
	"timestamp-type": value.StringType.Required(),
}
