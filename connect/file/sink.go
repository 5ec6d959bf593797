package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/format"
)

// sink writes a file an epoch, or one in each partition folder that gets rows.
//
// The note of the epoch is written last. After a crash before it, the epoch is
// applied again and its files replace themselves.
type sink struct {
	mu         sync.Mutex // held by Apply and Close
	request    connect.Request
	root       string
	format     format.Format
	encoder    format.Encoder
	written    []int // columns that the format writes
	partitions []int // columns that name the folder
	closed     bool
}

func newSink(r connect.Request) (*sink, error) {
	root, f, err := location(r)
	if err != nil {
		return nil, err
	}
	s := &sink{request: r, root: root, format: f}
	var fields []value.Field
	for i, c := range r.Columns {
		switch {
		case c.Metadata != "":
			return nil, problem.New(problem.Unsupported, "the metadata column %q cannot be written", c.Name).About(c.Name).WithHint("declare it VIRTUAL")
		case slices.Contains(r.Partitions, c.Name):
		default:
			fields = append(fields, value.Field{Name: c.Name, Type: c.Type})
			s.written = append(s.written, i)
		}
	}
	for _, name := range r.Partitions {
		i := slices.IndexFunc(r.Columns, func(c connect.Column) bool { return c.Name == name })
		if i < 0 {
			return nil, problem.New(problem.UnknownColumn, "the partition column %q is not written", name).About(name)
		}
		s.partitions = append(s.partitions, i)
	}
	s.encoder, err = f.NewEncoder(fields, r.Options)
	return s, err
}

// Committed reads the note of the last epoch.
func (s *sink) Committed(context.Context) (connect.Epoch, error) {
	content, err := vfs.ReadFile(s.request.FS, s.note())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the note of the last epoch: %w", err)
	}
	epoch, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return 0, problem.New(problem.Corrupt, "%s does not hold an epoch", s.note())
	}
	return connect.Epoch(epoch), nil
}

// note is the file that holds the last epoch. Readers skip its name.
func (s *sink) note() string { return filepath.Join(s.root, "_epoch-"+s.writer()) }

// writer names the job and the table in file names.
func (s *sink) writer() string {
	plain := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}
	return strings.Map(plain, s.request.Job+"-"+s.request.Table)
}

// Apply writes the files of one epoch.
func (s *sink) Apply(ctx context.Context, commit connect.Commit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("apply epoch %d: %w", commit.Epoch, fs.ErrClosed)
	}
	files := map[string][]byte{}
	for _, b := range commit.Batches {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.encode(files, b); err != nil {
			return err
		}
	}
	folders := make([]string, 0, len(files))
	for folder := range files {
		folders = append(folders, folder)
	}
	slices.Sort(folders)
	for _, folder := range folders {
		dir := filepath.Join(s.root, folder)
		name := fmt.Sprintf("part-%s-%020d.%s", s.writer(), commit.Epoch, s.format.Name)
		content := files[folder]
		if s.format.Container != nil {
			var err error
			if content, err = s.format.Container.Wrap(content, s.request.Options); err != nil {
				return err
			}
		}
		if err := s.write(dir, name, content); err != nil {
			return fmt.Errorf("write epoch %d: %w", commit.Epoch, err)
		}
	}
	if err := s.request.FS.MkdirAll(s.root); err != nil {
		return fmt.Errorf("note epoch %d: %w", commit.Epoch, err)
	}
	if err := vfs.WriteFile(s.request.FS, s.note(), fmt.Appendln(nil, commit.Epoch)); err != nil {
		return fmt.Errorf("note epoch %d: %w", commit.Epoch, err)
	}
	return nil
}

// encode adds the rows of b to the content of their folders' files.
func (s *sink) encode(files map[string][]byte, b *batch.Batch) error {
	row := &batch.Batch{Rows: b.Rows, Kinds: b.Kinds}
	for _, i := range s.written {
		row.Columns = append(row.Columns, b.Columns[i])
	}
	var failed error
	b.Each(func(i int) {
		if failed != nil {
			return
		}
		if kind := b.Kind(i); kind != batch.Insert && !s.format.Changes {
			failed = problem.New(problem.Unsupported, "table %q takes new rows only, and the query gives changes (%s)", s.request.Table, kind).WithHint("use a changelog format such as debezium-json, or a table with a primary key")
			return
		}
		folder := s.folder(b, i)
		content, begun := files[folder]
		if !begun {
			content = s.encoder.AppendHeader(nil)
		}
		files[folder], failed = s.encoder.AppendRow(content, row, i)
	})
	return failed
}

// folder is where row i goes: "" without partitions.
func (s *sink) folder(b *batch.Batch, i int) string {
	var parts []string
	for _, c := range s.partitions {
		text := defaultPartition
		if name := s.request.Options["partition.default-name"]; name != "" {
			text = name
		}
		if v := b.Columns[c].Value(i); !v.Null && v.Text != "" || !v.Null && v.Type.Class() != value.Strings {
			text = escapePartition(string(v.AppendCast(nil, s.request.Zone)))
		}
		parts = append(parts, escapePartition(s.request.Columns[c].Name)+"="+text)
	}
	return filepath.Join(parts...)
}

// write makes a file appear whole. The name that it has until then begins with
// a dot, so that readers pass it over.
func (s *sink) write(dir, name string, content []byte) error {
	fsys := s.request.FS
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	hidden := filepath.Join(dir, "."+name)
	f, err := fsys.Create(hidden)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fsys.Rename(hidden, filepath.Join(dir, name))
	}
	// The folders may be new as well: their names must survive like the file's.
	for d := dir; err == nil; d = filepath.Dir(d) {
		err = fsys.SyncDir(d)
		if d == filepath.Dir(s.root) {
			break
		}
	}
	return err
}

// Close ends the sink.
func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
