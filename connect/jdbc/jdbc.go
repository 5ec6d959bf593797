// Package jdbc reads and writes tables of MySQL, MariaDB and PostgreSQL: Flink's
// jdbc connector, with its options and its types.
//
// It follows no changes (that is CDC), creates no tables, and caches no answers:
// connect/lookup does, in front of an Asker.
//
// Flow: the options and the URL become settings → the database is asked for the
// table's columns, which are matched with the declared ones → a scan reads a split
// in one query, an Asker asks for many keys in one query, a sink writes an epoch
// in one transaction.
//
// Invariants:
//  1. Names are quoted and values are arguments: no text of a user becomes SQL.
//  2. A value that the declared type cannot hold is a problem that names the
//     column; nothing is cut off but digits of a second and of a DECIMAL.
//  3. No problem and no log names a password.
//  4. A query that failed half way has handed nothing on, but for scans, which go
//     on behind their last row.
package jdbc

import (
	"time"

	"tidemark/connect"
)

// Limits and defaults.
const (
	retriesDefault = 3
	timeoutDefault = time.Minute
	// pauseStep is how much longer each pause before a retry is than the one
	// before it, up to pauseMax.
	pauseStep = time.Second
	pauseMax  = 10 * time.Second
	// keysMax is how many keys one query asks for.
	keysMax = 512
	// sinkRowsDefault and sinkRowsMax are how many rows one statement writes.
	sinkRowsDefault = 100
	sinkRowsMax     = 10_000
	// statementBytesMax is about how long the values of one statement may be.
	statementBytesMax = 1 << 20
	// argumentsMax is how many arguments a statement may have in both protocols.
	argumentsMax = 65_535
	// partitionsMax bounds scan.partition.num.
	partitionsMax = 1024
	// connectionsMax is how many connections an Asker opens.
	connectionsMax = 4
)

// Options of the connector.
const (
	optionURL       = "url"
	optionTable     = "table-name"
	optionUser      = "username"
	optionPassword  = "password"
	optionTimeout   = "connection.max-retry-timeout"
	optionPartition = "scan.partition.column"
	optionCount     = "scan.partition.num"
	optionLower     = "scan.partition.lower-bound"
	optionUpper     = "scan.partition.upper-bound"
	optionFetch     = "scan.fetch-size"
	optionCommit    = "scan.auto-commit"
	optionAsks      = "lookup.max-retries"
	optionRows      = "sink.buffer-flush.max-rows"
	optionInterval  = "sink.buffer-flush.interval"
	optionWrites    = "sink.max-retries"
)

// Connector is jdbc.
func Connector() connect.Connector {
	return connect.Connector{
		Name: "jdbc", Doc: "tables of MySQL, MariaDB and PostgreSQL",
		Options: []connect.Option{
			{Name: optionURL, Doc: "jdbc:mysql://host:port/database, jdbc:mariadb://… or jdbc:postgresql://…", Required: true},
			{Name: optionTable, Doc: "the table's name there, with its schema if need be", Required: true},
			{Name: optionUser, Doc: "who connects"},
			{Name: optionPassword, Doc: "the password of username"},
			{Name: "driver", Doc: "accepted for Flink's sake: the URL says which database it is"},
			{Name: optionTimeout, Doc: "how long a connection may take to be made", Default: "60 s"},
			{Name: optionPartition, Doc: "a whole number by which the table is cut into splits"},
			{Name: optionCount, Doc: "how many splits"},
			{Name: optionLower, Doc: "where the first split ends about; rows below it are read, too"},
			{Name: optionUpper, Doc: "where the last split begins about; rows above it are read, too"},
			{Name: optionFetch, Doc: "accepted for Flink's sake: rows are read as they come"},
			{Name: optionCommit, Doc: "accepted for Flink's sake", Values: []string{"true", "false"}},
			{Name: optionAsks, Doc: "how often a lookup is tried again when the database does not answer", Default: "3"},
			{Name: optionRows, Doc: "how many rows one statement writes", Default: "100"},
			{Name: optionInterval, Doc: "accepted for Flink's sake: rows are written with each epoch"},
			{Name: optionWrites, Doc: "how often an epoch is written again when the database does not answer", Default: "3"},
			{Name: "sink.parallelism", Doc: "accepted for Flink's sake"},
			{Name: "scan.parallelism", Doc: "accepted for Flink's sake"},
		},
		Source: newSource,
		Sink:   newSink,
		Updates: func(r connect.Request) connect.Updates {
			if len(r.PrimaryKey) == 0 {
				return connect.UpdatesWhole // which it refuses
			}
			return connect.UpdatesByKey
		},
		Ask: newAsker,
	}
}
