// Package file is the connector 'filesystem': rows from the files of a folder,
// and rows into new files of one.
//
// It is no lake: it keeps no list of files, and what it wrote it never changes.
// The formats are in connect/format, the bytes go through base/vfs.
//
// Flow of a source: Splits lists the files, each one a split → Open → Read cuts
// a block of the file into records and decodes them → columns of file.* and of
// the partition folders are added.
// Flow of a sink: Apply writes the rows of an epoch to a hidden file, syncs it,
// gives it its name, and then notes the epoch.
//
// Invariants:
//  1. Files are read in the order of their names, folders included.
//  2. An Offset is the place of the next record in the unpacked bytes, so a
//     restart reads neither a row twice nor none.
//  3. A file that a sink has named is complete; its name follows from job and
//     epoch, so that an epoch written again replaces its own file.
package file

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/dlclark/regexp2"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
)

// Limits.
const (
	blockBytes     = 1 << 20  // what is read from a file at once
	blockLow       = 1 << 18  // when there is less, more is read before it is decoded
	recordBytesMax = 64 << 20 // the longest record
	splitsMax      = 100_000  // files of one table
)

// monitorInterval would make a source wait for new files.
const monitorInterval = "source.monitor-interval"

// jsonName is the format whose decoder finds ends of lines and looks at conditions.
const jsonName = "json"

// Names of the metadata columns.
const (
	metaName     = "file.name"
	metaPath     = "file.path"
	metaSize     = "file.size"
	metaModified = "file.modification-time"
)

// Connector is the connector's entry in the list of connectors.
func Connector() connect.Connector {
	return connect.Connector{
		Name: "filesystem",
		Doc:  "files of a folder, in the given format; compressed ones by their suffix",
		Options: []connect.Option{
			{Name: "path", Doc: "a file, or a folder with all that is below it", Required: true},
			{Name: "format", Doc: "how the bytes are to be read", Required: true},
			{Name: "source.path.regex-pattern", Doc: "regular expression that the whole absolute path of a file must match"},
			{Name: "source.report-statistics", Doc: "accepted for Flink's sake", Values: []string{"ALL", "NONE"}},
			{Name: "partition.default-name", Doc: "folder name that stands for NULL", Default: defaultPartition},
			{Name: monitorInterval, Doc: "not built: files are read that are there at the start"},
			// Files of a sink close with the epoch, so these change nothing; they are
			// taken so that a Flink script runs as it is.
			{Name: "sink.parallelism", Doc: "accepted for Flink's sake; one writer makes one file an epoch"},
			{Name: "sink.rolling-policy.", Doc: "accepted for Flink's sake; a file ends with its epoch", Prefix: true},
			{Name: "sink.partition-commit.", Doc: "accepted for Flink's sake; a file is complete when it has its name", Prefix: true},
			{Name: "partition.time-extractor.", Doc: "accepted for Flink's sake", Prefix: true},
			{Name: "auto-compaction", Doc: "accepted for Flink's sake", Values: []string{"true", "false"}},
			{Name: "compaction.", Doc: "accepted for Flink's sake", Prefix: true},
		},
		Source: func(r connect.Request) (connect.Source, error) { return newSource(r) },
		Sink:   func(r connect.Request) (connect.Sink, error) { return newSink(r) },
	}
}

// MetadataType is the type of a metadata column, for those that there are.
func MetadataType(key string) (value.Type, bool) {
	switch key {
	case metaName, metaPath:
		return value.StringType.Required(), true
	case metaSize:
		return value.BigIntType.Required(), true
	case metaModified:
		return value.TimestampLTZOf(3).Required(), true
	}
	return value.Type{}, false
}

// location reads the options that source and sink share.
func location(r connect.Request) (path string, f format.Format, err error) {
	path = r.Options["path"]
	if path == "" {
		return "", f, problem.New(problem.InvalidOption, "table %q needs a path", r.Table).About("path").WithHint("'path' = '/folder'")
	}
	if scheme, rest, found := strings.Cut(path, ":"); found && strings.HasPrefix(rest, "//") || scheme == "file" && found {
		if scheme != "file" {
			return "", f, problem.New(problem.Unsupported, "the path scheme %q is not built yet", scheme).About("path").WithHint("use a path of this machine")
		}
		path = strings.TrimPrefix(rest, "//")
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", f, err
	}
	f, err = format.ByName(r.Options["format"])
	if f.InFiles != nil {
		f = *f.InFiles
	}
	return path, f, err
}

// pathPattern is the pattern for whole paths; nil for none.
func pathPattern(r connect.Request) (*regexp2.Regexp, error) {
	text := r.Options["source.path.regex-pattern"]
	if text == "" {
		return nil, nil
	}
	pattern, err := regexp2.Compile(`\A(?:`+text+`)\z`, regexp2.None)
	if err != nil {
		return nil, problem.New(problem.InvalidOption, "source.path.regex-pattern is no regular expression: %v", err).About("source.path.regex-pattern")
	}
	return pattern, nil
}

// defaultPartition is Flink's folder name for NULL.
const defaultPartition = "__DEFAULT_PARTITION__"

// unescapePartition reads %3A and its like in a folder name. A % that begins
// no code stands for itself.
func unescapePartition(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}

// escapePartition makes a folder name of a value: what Flink or a file system
// would take for something else becomes %3A and its like.
func escapePartition(s string) string {
	const special = "\"#%'*/:=?\\{[]^\x7f"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || strings.IndexByte(special, c) >= 0 {
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
