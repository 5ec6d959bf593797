package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/format"
)

var ctx = context.Background()

func put(t *testing.T, fsys vfs.FS, name string, content []byte) {
	t.Helper()
	if err := fsys.MkdirAll(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFile(fsys, name, content); err != nil {
		t.Fatal(err)
	}
}

func gzipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.Bytes()
}

func zstandard(s string) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll([]byte(s), nil)
}

func column(name string, t value.Type) connect.Column { return connect.Column{Name: name, Type: t} }

func request(fsys vfs.FS, formatName string, columns ...connect.Column) connect.Request {
	return connect.Request{
		Table: "t", Job: "j", FS: fsys, Zone: time.UTC, Columns: columns,
		Options: map[string]string{"connector": "filesystem", "path": "/in", "format": formatName},
	}
}

func makeSource(t *testing.T, r connect.Request) connect.Source {
	t.Helper()
	s, err := Connector().Source(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readSplit reads a split from an offset to its end. at, if not nil, is called
// with the offset behind every batch and the rows so far.
func readSplit(t *testing.T, s connect.Source, split connect.SplitID, from connect.Offset, at func(connect.Offset, int)) []string {
	t.Helper()
	rows, err := tryReadSplit(s, split, from, at)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func tryReadSplit(s connect.Source, split connect.SplitID, from connect.Offset, at func(connect.Offset, int)) (rows []string, err error) {
	r, err := s.Open(ctx, split, from)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		b, err := r.Read(ctx)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		if b.Rows > batch.MaxRows {
			return rows, fmt.Errorf("a batch of %d rows", b.Rows)
		}
		for i := range b.Rows {
			cells := make([]string, len(b.Columns))
			for k, v := range b.Row(i) {
				cells[k] = v.String()
			}
			rows = append(rows, strings.Join(cells, " "))
		}
		if at != nil {
			at(bytes.Clone(r.Offset()), len(rows))
		}
	}
}

func readAll(t *testing.T, s connect.Source) []string {
	t.Helper()
	splits, err := s.Splits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, split := range splits {
		rows = append(rows, readSplit(t, s, split, nil, nil)...)
	}
	return rows
}

func TestSourceReadsAFolder(t *testing.T) {
	m := vfs.NewMem()
	put(t, m, "/in/b.csv", []byte("3,30\n"))
	put(t, m, "/in/a.csv", []byte("1,10\n2,20"))
	put(t, m, "/in/empty.csv", nil)
	put(t, m, "/in/_hidden.csv", []byte("0,0\n"))
	put(t, m, "/in/.tmp/d.csv", []byte("0,0\n"))
	put(t, m, "/in/deep/c.txt", []byte("4,40\r\n"))
	put(t, m, "/in/y.csv.gz", gzipped("5,50\n"))
	put(t, m, "/in/z.csv.zst", zstandard("6,60\n"))
	r := request(m, "csv", column("n", value.IntType), column("id", value.IntType),
		connect.Column{Name: "f", Type: value.StringType, Metadata: "file.name"},
		connect.Column{Name: "s", Type: value.IntType, Metadata: "file.size"})
	r.Schema = []connect.Column{column("id", value.IntType), column("n", value.IntType)}
	want := []string{"10 1 a.csv 9", "20 2 a.csv 9", "30 3 b.csv 5", "40 4 c.txt 6",
		fmt.Sprintf("50 5 y.csv.gz %d", len(gzipped("5,50\n"))), fmt.Sprintf("60 6 z.csv.zst %d", len(zstandard("6,60\n")))}
	if diff := cmp.Diff(want, readAll(t, makeSource(t, r))); diff != "" {
		t.Error(diff)
	}
	r.Options["source.path.regex-pattern"] = `.*/(a|c)\.(?!txt)\w+`
	if diff := cmp.Diff(want[:2], readAll(t, makeSource(t, r))); diff != "" {
		t.Error(diff)
	}
	r.Options["path"] = "/in/b.csv"
	delete(r.Options, "source.path.regex-pattern")
	if diff := cmp.Diff(want[2:3], readAll(t, makeSource(t, r))); diff != "" {
		t.Error(diff)
	}
}

func TestSourceReadsPartitions(t *testing.T) {
	m := vfs.NewMem()
	put(t, m, "/in/country=A%3AB/n=1/p.json", []byte(`{"id":1,"country":"not this"}`))
	put(t, m, "/in/country=法国/n=2/deeper/p.json", []byte(`{"id":2}`))
	put(t, m, "/in/country=__DEFAULT_PARTITION__/n=3/p.json", []byte(`{"id":3}`))
	put(t, m, "/in/loose.json", []byte(`{"id":9}`))
	put(t, m, "/in/country=DE/p.json", []byte(`{"id":9}`))
	r := request(m, "json", column("country", value.StringType), column("id", value.IntType), column("n", value.BigIntType))
	r.Partitions = []string{"country", "n"}
	want := []string{"A:B 1 1", "NULL 3 3", "法国 2 2"}
	if diff := cmp.Diff(want, readAll(t, makeSource(t, r))); diff != "" {
		t.Error(diff)
	}
}

func TestSourceKnowsWhenAFileChanged(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.json")
	if err := os.WriteFile(name, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := time.Date(2024, 3, 1, 10, 0, 0, 123e6, time.UTC)
	if err := os.Chtimes(name, changed, changed); err != nil {
		t.Fatal(err)
	}
	r := request(vfs.OS(), "json", connect.Column{Name: "m", Type: value.TimestampLTZOf(3), Metadata: "file.modification-time"})
	r.Options["path"] = "file://" + dir
	if diff := cmp.Diff([]string{"2024-03-01 10:00:00.123"}, readAll(t, makeSource(t, r))); diff != "" {
		t.Error(diff)
	}
}

// TestSourceResumesAnywhere reads files of every kind and starts again behind
// every batch.
func TestSourceResumesAnywhere(t *testing.T) {
	var lines, quotes, array strings.Builder
	quotes.WriteString("note,id\n")
	array.WriteString("{\"id\":-1}\n\n[")
	const n = 3*batch.MaxRows - 5
	for i := range n {
		fmt.Fprintf(&lines, "{\"id\":%d,\"note\":\"%s\"}\r\n", i, strings.Repeat("é", i%50))
		if i%100 == 7 {
			lines.WriteString("\n")
		}
		fmt.Fprintf(&quotes, "\"%d,\n\"\"x\"\"\n\",%d\n", i, i)
		if i > 0 {
			array.WriteString(", ")
		}
		fmt.Fprintf(&array, "{\"id\":%d}", i)
	}
	array.WriteString("]\n[]\n{\"id\":-2}\n[{\"id\":-3}]")
	var changes strings.Builder
	for i := range n / 6 {
		fmt.Fprintf(&changes, `{"type":"UPDATE","data":[{"id":%d},{"id":%d},{"id":%d}],"old":[{"note":"x"},{"id":-1},{}]}`+"\n", i, i+1, i+2)
	}
	columns := []connect.Column{column("id", value.BigIntType), column("note", value.StringType)}
	for name, c := range map[string]struct {
		content []byte
		format  string
		rows    int
	}{
		"lines.json":     {[]byte(lines.String()), "json", n},
		"lines.json.gz":  {gzipped(lines.String()), "json", n},
		"array.json":     {[]byte(array.String()), "json", n + 3},
		"array.json.zst": {zstandard(array.String()), "json", n + 3},
		"quotes.csv":     {[]byte(quotes.String()), "csv", n},
		"quotes.csv.gz":  {gzipped(quotes.String()), "csv", n},
		"changes.json":   {[]byte(changes.String()), "canal-json", n / 6 * 6},
	} {
		t.Run(name, func(t *testing.T) {
			m := vfs.NewMem()
			put(t, m, "/in/"+name, c.content)
			r := request(m, c.format, columns...)
			if c.format == "csv" {
				r.Options["csv.header"] = "true"
			}
			s := makeSource(t, r)
			type mark struct {
				offset connect.Offset
				rows   int
			}
			var marks []mark
			all := readSplit(t, s, connect.SplitID(name), nil, func(o connect.Offset, rows int) { marks = append(marks, mark{o, rows}) })
			if len(all) != c.rows {
				t.Fatalf("%d rows, want %d", len(all), c.rows)
			}
			if len(marks) < 3 {
				t.Fatalf("only %d batches", len(marks))
			}
			for _, mark := range marks {
				rest := readSplit(t, s, connect.SplitID(name), mark.offset, nil)
				if len(rest) != len(all)-mark.rows {
					t.Fatalf("behind %d rows: %d more, want %d", mark.rows, len(rest), len(all)-mark.rows)
				}
				for i, row := range rest {
					if row != all[mark.rows+i] {
						t.Fatalf("behind %d rows: row %d is %q, want %q", mark.rows, i, row, all[mark.rows+i])
					}
				}
			}
		})
	}
}

func TestSourceSaysWhereARecordIsWrong(t *testing.T) {
	m := vfs.NewMem()
	put(t, m, "/in/a.json", []byte("{\"id\":1}\n\n{\"id\":2}\n{\"id\":\"x\"}\n"))
	r := request(m, "json", column("id", value.IntType))
	rows, err := tryReadSplit(makeSource(t, r), "a.json", nil, nil)
	if p := problem.Of(err); len(rows) != 0 || p.Code != problem.InvalidValue || p.Field != "id" || p.Position != (problem.Position{File: "/in/a.json", Line: 4, Column: 1}) {
		t.Errorf("got %v and %#v", rows, p)
	}
	r.Options["json.ignore-parse-errors"] = "true"
	if diff := cmp.Diff([]string{"1", "2", "NULL"}, readAll(t, makeSource(t, r))); diff != "" {
		t.Error(diff)
	}
}

func TestSourceRefuses(t *testing.T) {
	m := vfs.NewMem()
	put(t, m, "/in/a.json", []byte("{}"))
	for what, c := range map[string]struct {
		option, value string
		code          problem.Code
	}{
		"another scheme": {"path", "s3://bucket/key", problem.Unsupported},
		"monitoring":     {"source.monitor-interval", "1 s", problem.Unsupported},
		"a bad pattern":  {"source.path.regex-pattern", "(", problem.InvalidOption},
		"parquet":        {"format", "parquet", problem.Unsupported},
		"a wrong format": {"format", "jsom", problem.InvalidOption},
		"a wrong option": {"json.ignore-parse-errors", "maybe", problem.InvalidOption},
	} {
		r := request(m, "json", column("id", value.IntType))
		r.Options[c.option] = c.value
		if _, err := Connector().Source(r); !problem.Is(err, c.code) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r := request(m, "json", column("id", value.IntType))
	r.Options["path"] = "/nowhere"
	if _, err := makeSource(t, r).Splits(ctx); !problem.Is(err, problem.NotFound) {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := makeSource(t, request(m, "json")).Open(ctx, "a.json", connect.Offset{9}); !errors.Is(err, errBadOffset) {
		t.Errorf("a damaged offset: %v", err)
	}
	end := place{position: 1000}.offset()
	if _, err := makeSource(t, request(m, "json")).Open(ctx, "a.json", end); !problem.Is(err, problem.Conflict) {
		t.Errorf("a file that shrank: %v", err)
	}
}

func TestReaderIsClosed(t *testing.T) {
	m := vfs.NewMem()
	put(t, m, "/in/a.json", []byte("{}"))
	r, err := makeSource(t, request(m, "json")).Open(ctx, "a.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(ctx); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
}

func ints(from, n int) *batch.Batch {
	id, name := batch.NewColumn(value.IntType, n), batch.NewColumn(value.StringType, n)
	for i := range n {
		id.AppendValue(value.OfInt(int32(from + i)))
		name.AppendValue(value.OfString([]string{"a/b", "c"}[i%2]))
	}
	return &batch.Batch{Columns: []*batch.Column{id, name}, Rows: n}
}

func makeSink(t *testing.T, r connect.Request) connect.Sink {
	t.Helper()
	s, err := Connector().Sink(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSinkWritesWhatASourceReads(t *testing.T) {
	for _, name := range []string{"json", "csv"} {
		for _, partitions := range [][]string{nil, {"name"}} {
			m := vfs.NewMem()
			r := request(m, name, column("id", value.IntType), column("name", value.StringType))
			r.Partitions = partitions
			s := makeSink(t, r)
			for epoch := range connect.Epoch(3) {
				commit := connect.Commit{Epoch: epoch + 1, Batches: []*batch.Batch{ints(int(epoch)*10, 3), ints(int(epoch)*10+5, 1)}}
				for range 2 { // again changes nothing
					if err := s.Apply(ctx, commit); err != nil {
						t.Fatal(err)
					}
				}
			}
			if last, err := s.Committed(ctx); last != 3 || err != nil {
				t.Errorf("committed %d, %v", last, err)
			}
			// Everything survives a crash.
			r.FS = m.CrashClone(vfs.LoseAll)
			got := readAll(t, makeSource(t, r))
			counts := map[string]int{}
			for _, row := range got {
				counts[row]++
			}
			for epoch := range 3 {
				for i, name := range []string{"a/b", "c", "a/b", "", "", "a/b"} {
					row := fmt.Sprintf("%d %s", epoch*10+i, name)
					if want := 1; name != "" && counts[row] != want {
						t.Errorf("%s: row %q is there %d times", r.Options["format"], row, counts[row])
					}
				}
			}
			if len(got) != 12 {
				t.Errorf("%d rows: %v", len(got), got)
			}
			if last, err := makeSink(t, r).Committed(ctx); last != 3 || err != nil {
				t.Errorf("after the crash: committed %d, %v", last, err)
			}
		}
	}
}

func TestSinkRefusesChanges(t *testing.T) {
	s := makeSink(t, request(vfs.NewMem(), "json", column("id", value.IntType), column("name", value.StringType)))
	b := ints(0, 2)
	b.Kinds = []batch.Kind{batch.Insert, batch.Delete}
	if err := s.Apply(ctx, connect.Commit{Epoch: 1, Batches: []*batch.Batch{b}}); !problem.Is(err, problem.Unsupported) {
		t.Error(err)
	}
	if last, _ := s.Committed(ctx); last != 0 {
		t.Errorf("committed %d", last)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Apply(ctx, connect.Commit{Epoch: 1}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Apply after Close: %v", err)
	}
}

func TestOptionsOfFlinkScripts(t *testing.T) {
	options := map[string]string{
		"connector": "filesystem", "path": "/out", "format": "csv", "csv.field-delimiter": ";",
		"sink.rolling-policy.file-size": "1MB", "sink.partition-commit.delay": "1 h", "auto-compaction": "true",
	}
	f, err := format.ByName("csv")
	if err != nil {
		t.Fatal(err)
	}
	if err := Connector().Check(options, f.Options); err != nil {
		t.Error(err)
	}
	options["csv.field-delimeter"] = ";"
	if err := Connector().Check(options, f.Options); !problem.Is(err, problem.UnknownOption) || !strings.Contains(err.Error(), "csv.field-delimiter") {
		t.Errorf("a misspelt option: %v", err)
	}
}
