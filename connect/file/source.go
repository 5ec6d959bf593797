package file

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dlclark/regexp2"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
)

// source reads every file of a folder.
type source struct {
	request connect.Request
	root    string
	format  format.Format
	pattern *regexp2.Regexp // nil for all files
	columns []format.Column // those that the format decodes
	parts   []part          // where each column of the request comes from
	table   []value.Field   // the physical columns of a record
	// selection is what JSON decoders are to look at, over columns.
	selection connect.Selection
}

// part says where a column comes from: the decoder, a partition folder, or what
// is known of the file.
type part struct {
	decoded   int    // index in source.columns, or -1
	partition string // name of the partition column
	metadata  string
}

func newSource(r connect.Request) (*source, error) {
	root, f, err := location(r)
	if err != nil {
		return nil, err
	}
	if _, given := r.Options[monitorInterval]; given {
		return nil, problem.New(problem.Unsupported, "option %q is not built yet", monitorInterval).About(monitorInterval).WithHint("leave it out to read the files that are there, or let new events come by HTTP or Kafka")
	}
	s := &source{request: r, root: root, format: f}
	if s.pattern, err = pathPattern(r); err != nil {
		return nil, err
	}
	positions := map[string]int{}
	for _, c := range schema(r) {
		if c.Metadata == "" && !slices.Contains(r.Partitions, c.Name) {
			positions[c.Name] = len(s.table)
			s.table = append(s.table, value.Field{Name: c.Name, Type: c.Type})
		}
	}
	for _, c := range r.Columns {
		p := part{decoded: -1}
		switch {
		case c.Metadata != "":
			native, known := MetadataType(c.Metadata)
			if !known {
				return nil, problem.New(problem.UnknownColumn, "the filesystem connector has no metadata %q", c.Metadata).About(c.Name).WithHint("there are %s, %s, %s and %s", metaName, metaPath, metaSize, metaModified)
			}
			if !value.CanCast(native, c.Type) {
				return nil, problem.New(problem.TypeMismatch, "metadata %q is %s, not %s", c.Metadata, native, c.Type).About(c.Name)
			}
			p.metadata = c.Metadata
		case slices.Contains(r.Partitions, c.Name):
			p.partition = c.Name
		default:
			p.decoded = len(s.columns)
			s.columns = append(s.columns, format.Column{Name: c.Name, Type: c.Type, Position: positions[c.Name]})
		}
		s.parts = append(s.parts, p)
	}
	// Options are wrong now rather than when the first file is opened.
	if _, err := f.NewDecoder(s.columns, s.table, r.Options); err != nil {
		return nil, err
	}
	_, err = f.NewSplitter(r.Options)
	return s, err
}

// schema is the table's columns, which a request without one has in Columns.
func schema(r connect.Request) []connect.Column {
	if r.Schema != nil {
		return r.Schema
	}
	return r.Columns
}

// SkipFields notes which fields need not be decoded.
func (s *source) SkipFields(unread [][]bool) {
	for i, p := range s.parts {
		if p.decoded >= 0 {
			s.columns[p.decoded].Unread = unread[i]
		}
	}
}

// Select takes conditions on what is read from JSON.
func (s *source) Select(offered connect.Selection) (taken []bool) {
	taken = make([]bool, len(offered.Conditions))
	if s.format.Name != jsonName {
		return taken
	}
	for i, c := range offered.Conditions {
		decoded := s.parts[c.Column].decoded
		if decoded < 0 || !format.CanSelect(c, s.columns[decoded].Type) {
			continue
		}
		taken[i], c.Column = true, decoded
		s.selection.Conditions = append(s.selection.Conditions, c)
	}
	s.selection.Whole = make([]bool, len(s.columns))
	for i, p := range s.parts {
		if p.decoded >= 0 {
			s.selection.Whole[p.decoded] = offered.Whole[i]
		}
	}
	return taken
}

// Bounded is true: the files that there are at the start are read.
func (s *source) Bounded() bool { return true }

// Splits lists the files below the path. The name of a split is the file's path
// below it; a path that is a file itself is a split named by the file.
func (s *source) Splits(ctx context.Context) ([]connect.SplitID, error) {
	info, err := s.request.FS.Stat(s.root)
	if err != nil {
		return nil, problem.New(problem.NotFound, "the path %s of table %q cannot be read", s.root, s.request.Table).About("path").WithHint("%v", err)
	}
	if !info.IsDir {
		return []connect.SplitID{connect.SplitID(filepath.Base(s.root))}, nil
	}
	return s.walk(ctx, nil, "")
}

// walk adds the files of a folder and those below. Names that begin with _ or .
// are not for readers.
func (s *source) walk(ctx context.Context, splits []connect.SplitID, below string) ([]connect.SplitID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir := filepath.Join(s.root, below)
	names, err := s.request.FS.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") {
			continue
		}
		at := filepath.Join(below, name)
		info, err := s.request.FS.Stat(filepath.Join(s.root, at))
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", at, err)
		}
		if info.IsDir {
			if splits, err = s.walk(ctx, splits, at); err != nil {
				return nil, err
			}
			continue
		}
		wanted, err := s.wants(at)
		if err != nil {
			return nil, err
		}
		if wanted {
			splits = append(splits, connect.SplitID(at))
		}
		if len(splits) > splitsMax {
			return nil, problem.New(problem.TooLarge, "table %q has more than %d files", s.request.Table, splitsMax).About("path").WithHint("give a deeper path, or join small files")
		}
	}
	return splits, nil
}

// wants reports whether a file belongs to the table: it lies deep enough for
// its partition values, and matches the pattern.
func (s *source) wants(at string) (bool, error) {
	if _, deep := s.partition(at); !deep {
		return false, nil
	}
	if s.pattern == nil {
		return true, nil
	}
	matches, err := s.pattern.MatchString(filepath.Join(s.root, at))
	if err != nil {
		return false, fmt.Errorf("match source.path.regex-pattern: %w", err)
	}
	return matches, nil
}

// partition reads the values of the partition columns from the folders of a
// file: country=DE/day=2024-03-01/part.json.
func (s *source) partition(at string) (map[string]string, bool) {
	values := make(map[string]string, len(s.request.Partitions))
	folders := strings.Split(filepath.ToSlash(at), "/")
	folders = folders[:len(folders)-1]
	if len(folders) < len(s.request.Partitions) {
		return nil, false
	}
	for i, name := range s.request.Partitions {
		key, val, found := strings.Cut(folders[i], "=")
		if !found || unescapePartition(key) != name {
			return nil, false
		}
		values[name] = unescapePartition(val)
	}
	return values, true
}

// Open starts to read a file at an offset.
func (s *source) Open(_ context.Context, split connect.SplitID, from connect.Offset) (connect.Reader, error) {
	path := filepath.Join(s.root, string(split))
	info, err := s.request.FS.Stat(s.root)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", s.root, err)
	}
	if !info.IsDir {
		path = s.root
	}
	at, err := parseOffset(from)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	r := &reader{source: s, path: path, place: at}
	if err := r.open(string(split)); err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return r, nil
}
