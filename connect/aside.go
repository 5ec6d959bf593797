package connect

import "tidemark/base/value"

// QuarantineColumns are the columns of every t$quarantine: events that could
// not be read.
var QuarantineColumns = []value.Field{
	{Name: "received_at", Type: value.TimestampLTZOf(3)}, // when the event came
	{Name: "line", Type: value.BigIntType},               // which of its body, from 1; NULL for a record of the Kafka door
	{Name: "code", Type: value.StringType},
	{Name: "field", Type: value.StringType}, // the column, NULL when the event as a whole is wrong
	{Name: "message", Type: value.StringType},
	{Name: "partition", Type: value.IntType}, // of the Kafka door: where the record stands, without a row
	{Name: "offset", Type: value.BigIntType}, // the same
	{Name: "raw", Type: value.StringType},    // the event as it came, cut when very long
}

// ExpiredColumns are the columns that a table may have to which rows go that a
// lookup found nothing for in time: any of them, in any order.
var ExpiredColumns = []value.Field{
	{Name: "expired_at", Type: value.TimestampLTZOf(3)}, // when it was given up
	{Name: "came_at", Type: value.TimestampLTZOf(3)},    // when the row came
	{Name: "lookups", Type: value.IntType},              // how many found nothing
	{Name: "looked_up", Type: value.StringType},         // the table
	{Name: "reason", Type: value.StringType},            // why it was given up
	{Name: "row", Type: value.StringType},               // JSON of the columns the join saw
}

// LateColumns are the columns of every t$late: rows that came after their
// windows had fired.
var LateColumns = []value.Field{
	{Name: "event_time", Type: value.TimestampLTZOf(3)},
	{Name: "watermark", Type: value.TimestampLTZOf(3)}, // that had passed when the row came
	{Name: "row", Type: value.StringType},              // JSON of the columns the window saw
}
