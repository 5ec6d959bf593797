package olap

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/sketch"
	"tidemark/base/value"
	"tidemark/base/vfs"
)

// hashOf is the hash of a value, as a job has it.
func hashOf(v value.Value) uint64 {
	switch v.Type.Class() {
	case value.Bools:
		if v.Bool {
			return sketch.HashInteger(1)
		}
		return sketch.HashInteger(0)
	case value.Ints:
		return sketch.HashInteger(v.Int)
	case value.Floats:
		return sketch.HashFloat(v.Float)
	case value.Wides:
		micros, rest := v.Wide.QuoRem(value.Int128Of(1000))
		switch {
		case v.Type.Kind == value.TimestampLTZ: // stored without its nanoseconds
			return sketch.HashInteger(floor(v.Wide).Int64())
		case v.Type.Kind == value.Timestamp && rest.Sign() == 0:
			return sketch.HashInteger(micros.Int64())
		}
		return sketch.HashWide(v.Wide.Hi, v.Wide.Lo)
	}
	return sketch.HashBytes([]byte(v.Text))
}

// floor is the whole microseconds before a time.
func floor(nanos value.Int128) value.Int128 {
	micros, rest := nanos.QuoRem(value.Int128Of(1000))
	if rest.Sign() < 0 {
		micros, _ = micros.Sub(value.Int128Of(1))
	}
	return micros
}

// noneLeft fails when questions have left memory behind.
func noneLeft(t *testing.T) {
	t.Helper()
	if n := sketchBytes(); n != 0 {
		t.Errorf("sketches still have %d bytes", n)
	}
}

// TestSketchesAreThoseOfJobs: C and Go have the same bytes and estimates of the
// same rows, whatever their type, with NULLs, in groups.
func TestSketchesAreThoseOfJobs(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	r := rand.New(rand.NewPCG(11, 3))
	for _, f := range simpleColumns() {
		table := Table{Name: "t " + f.Name, Columns: []value.Field{{Name: "g", Type: value.IntType}, {Name: "v", Type: f.Type}}}
		w := writer(t, s, table)
		const groups, rows = 3, 5000
		b := &batch.Batch{Rows: rows, Columns: []*batch.Column{batch.NewColumn(value.IntType, rows), batch.NewColumn(f.Type, rows)}}
		var want [groups]sketch.Sketch
		for i := range rows {
			g := max(0, i%200-197) // the first group has most
			v := randomValue(r, f.Type)
			b.Columns[0].AppendValue(value.OfInt(int32(g)))
			b.Columns[1].AppendValue(v)
			if !v.Null {
				want[g].Add(hashOf(v))
			}
		}
		if err := w.Apply(t.Context(), 1, 0, []*batch.Batch{b}); err != nil {
			t.Fatal(err)
		}
		var wanted []string
		for g := range want {
			wanted = append(wanted, fmt.Sprintf("%d|%X|%d|%[3]d", g, want[g].Append(nil), want[g].Estimate()))
		}
		got, err := asked(t, s, Question{SQL: `SELECT g, hex(tidemark_distinct_sketch(v)), tidemark_distinct_count(v), tidemark_sketch_count(tidemark_distinct_sketch(v)) FROM ` + quote(table.Name) + ` GROUP BY g ORDER BY g`})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "\n") != strings.Join(wanted, "\n") {
			t.Errorf("%s: %s\nwant %s", f.Type, got, wanted)
		}
	}
	noneLeft(t)
}

// TestSketchEstimatesAreThoseOfJobs goes over sketches that rows seldom make: any run in
// any number of registers.
func TestSketchEstimatesAreThoseOfJobs(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	rapid.Check(t, func(t *rapid.T) {
		registers := rapid.SampledFrom([]int{0, 1, 3, 4, 100, 384, 385, 1024, 1025, 4096}).Draw(t, "registers")
		longest := rapid.IntRange(1, sketch.LongestRun).Draw(t, "longest run")
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		var k sketch.Sketch
		for _, register := range r.Perm(sketch.Registers)[:registers] {
			k.Raise(uint16(register), uint8(1+r.IntN(longest)))
		}
		stored := k.Append(nil)
		want := fmt.Sprintf("%d|%X", k.Estimate(), stored)
		got := single(t, s, `SELECT tidemark_sketch_count($1), hex(tidemark_merge_sketches($1))`, stored)
		if got != want {
			t.Fatalf("%.40s instead of %.40s", got, want)
		}
	})
	noneLeft(t)
}

// single is the answer of one row to a question, as text.
func single(t *rapid.T, s *Store, text string, args ...any) string {
	var row string
	_, err := s.Query(context.Background(), Question{SQL: text, Args: args}, func(_ []value.Field, b *batch.Batch) error {
		for i := range b.Rows {
			var cells []string
			for _, v := range b.Row(i) {
				cells = append(cells, v.String())
			}
			row += strings.Join(cells, "|")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// TestSketchesAreTakenAsJobsDo changes bytes of stored sketches: both take them, or both
// say that they are none.
func TestSketchesAreTakenAsJobsDo(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	rapid.Check(t, func(t *rapid.T) {
		var k sketch.Sketch
		for i := range rapid.SampledFrom([]int{0, 1, 2, 30, 1030, 5000}).Draw(t, "values") {
			k.Add(sketch.HashInteger(int64(i)))
		}
		stored := k.Append(nil)
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			at := min(rapid.IntRange(0, 12).Draw(t, "at"), len(stored)-1)
			stored[at] = rapid.SampledFrom([]byte{0, 1, 2, 3, 53, 54, 127, 128, 129, 255}).Draw(t, "byte")
		}
		stored = stored[:len(stored)-rapid.SampledFrom([]int{0, 0, 1, len(stored)}).Draw(t, "cut")]
		stored = append(stored, rapid.SampledFrom([]string{"", "", "\x00"}).Draw(t, "more")...)
		want := "NULL|NULL"
		var whole sketch.Sketch
		if whole.TakeWhole(stored) == nil {
			want = fmt.Sprintf("%d|%X", whole.Estimate(), whole.Append(nil))
		}
		if got := single(t, s, `SELECT tidemark_sketch_count($1), hex(tidemark_merge_sketches($1))`, stored); got != want {
			t.Fatalf("%.40x: %.40s instead of %.40s", stored, got, want)
		}
	})
	noneLeft(t)
}

// TestSketchesMerge has the ways in which DuckDB puts states together: threads,
// groups, groups of groups. Frames are not among them: package dialect prints none.
func TestSketchesMerge(t *testing.T) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	database := sql.OpenDB(connector)
	defer connector.Close()
	defer database.Close()
	if err := registerSketches(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	const rows, groups = 400_000, 7
	whole, parts := new(sketch.Sketch), make([]sketch.Sketch, groups)
	for i := range rows {
		hash := sketch.HashInteger(int64(i % 50_000))
		whole.Add(hash)
		parts[i%groups].Add(hash)
	}
	for _, statement := range []string{
		"SET threads=4",
		fmt.Sprintf("CREATE TABLE t AS SELECT i %% 50000 AS v, i %% %d AS g, i FROM range(%d) AS r(i)", groups, rows),
	} {
		if _, err := database.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	read := func(text string) (answers [][]byte) {
		found, err := database.QueryContext(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		defer found.Close()
		for found.Next() {
			var answer []byte
			if err := found.Scan(&answer); err != nil {
				t.Fatal(err)
			}
			answers = append(answers, answer)
		}
		return answers
	}
	for _, text := range []string{
		"SELECT tidemark_distinct_sketch(v) FROM t",
		"SELECT tidemark_merge_sketches(k) FROM (SELECT tidemark_distinct_sketch(v) AS k FROM t GROUP BY g)",
		"SELECT tidemark_merge_sketches(k) FROM (SELECT tidemark_distinct_sketch(v) AS k FROM t GROUP BY v)",
		"SELECT tidemark_distinct_sketch(DISTINCT v) FROM t",
		"SELECT tidemark_distinct_sketch(v) FILTER (WHERE i < 60000) FROM t",
	} {
		if got := read(text); len(got) != 1 || !bytes.Equal(got[0], whole.Append(nil)) {
			t.Errorf("%s: %.60x", text, got)
		}
	}
	for g, got := range read("SELECT tidemark_distinct_sketch(v) FROM t GROUP BY g ORDER BY g") {
		if !bytes.Equal(got, parts[g].Append(nil)) {
			t.Errorf("group %d: %.60x", g, got)
		}
	}
	noneLeft(t)
}

func TestSketchesOfLittle(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	for text, want := range map[string]string{
		"SELECT tidemark_distinct_count(x), hex(tidemark_distinct_sketch(x)) FROM (SELECT 1 AS x WHERE false)":                      "0|020000",
		"SELECT tidemark_distinct_count(x), hex(tidemark_distinct_sketch(x)) FROM (VALUES (NULL::VARCHAR), (NULL)) AS t(x)":         "0|020000",
		"SELECT hex(tidemark_merge_sketches(x)) FROM (SELECT ''::BLOB AS x WHERE false)":                                            "020000",
		"SELECT hex(tidemark_merge_sketches(x)) FROM (VALUES (NULL::BLOB), (unhex('020001D31D35'))) AS t(x)":                        "020001D31D35",
		"SELECT hex(tidemark_merge_sketches(x)) FROM (VALUES (''::BLOB), (unhex('020001D31D35'))) AS t(x)":                          "NULL",
		"SELECT tidemark_sketch_count(x) FROM (VALUES (NULL::BLOB), (unhex('020001D31D35')), (unhex('0200'))) AS t(x)":              "NULL\n1\nNULL",
		"SELECT tidemark_sketch_count(NULL), tidemark_sketch_count(unhex('020000'))":                                                "NULL|0",
		"SELECT tidemark_distinct_count(x) FROM (VALUES ('a name of twelve or more'), ('a name of twelve or more?'), ('')) AS t(x)": "3",
	} {
		got, err := asked(t, s, Question{SQL: text})
		if err != nil || strings.Join(got, "\n") != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if _, err := asked(t, s, Question{SQL: "SELECT tidemark_distinct_count([1])"}); !problem.Is(err, problem.InvalidValue) {
		t.Errorf("a list is counted: %v", err)
	}
	noneLeft(t)
}

// TestSketchesHaveALimit: a question whose sketches take too much fails, alone, and
// gives its memory back.
func TestSketchesHaveALimit(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	limitSketches(1 << 20)
	defer limitSketches(sketchBytesMax)
	for _, text := range []string{
		"SELECT i % 500, tidemark_distinct_count(i) FROM range(1000000) AS r(i) GROUP BY ALL",
		"SELECT i, tidemark_merge_sketches(k) FROM range(500) AS r(i), (SELECT tidemark_distinct_sketch(i) AS k FROM range(5000) AS r(i)) GROUP BY ALL",
	} {
		if _, err := asked(t, s, Question{SQL: text}); !problem.Is(err, problem.TooLarge) {
			t.Errorf("%s: %v", text, err)
		}
		noneLeft(t)
	}
	if got, err := asked(t, s, Question{SQL: "SELECT tidemark_distinct_count(i) FROM range(10) AS r(i)"}); err != nil || got[0] != "10" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
	limitSketches(0)
	if _, err := asked(t, s, Question{SQL: "SELECT tidemark_sketch_count(unhex('020001D31D35'))"}); !problem.Is(err, problem.TooLarge) {
		t.Errorf("without any memory: %v", err)
	}
}

// TestCanceledQuestionsLeaveNoSketches cancels from within the question.
func TestCanceledQuestionsLeaveNoSketches(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	pass := Function{
		Signature: "PASS(BIGINT) → BIGINT", Params: []value.Type{value.BigIntType}, Result: value.BigIntType,
		Eval: func(args []*batch.Column, out *batch.Column) error {
			if seen += copy(out.Ints, args[0].Ints); seen > 50_000 {
				cancel()
			}
			return ctx.Err()
		},
	}
	_, err := s.Query(ctx, Question{
		SQL:       `SELECT x % 100, tidemark_distinct_count(x) FROM (SELECT "PASS(BIGINT) → BIGINT"(0, i) AS x FROM range(1000000) AS r(i)) GROUP BY ALL`,
		Functions: []Function{pass},
	}, func([]value.Field, *batch.Batch) error { return errors.New("there is an answer") })
	if err == nil || seen > 900_000 {
		t.Errorf("after %d rows: %v", seen, err)
	}
	noneLeft(t)
}

// TestSketchDeclarations compiles our declarations together with DuckDB's own: the
// compiler refuses a function or type that is declared in two ways.
func TestSketchDeclarations(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Fatal(err)
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/duckdb/duckdb-go-bindings").Output()
	if err != nil {
		t.Fatal(err)
	}
	both := `#include <stddef.h>
#include "duckdb.h"
#include "duckdb_api.h"
#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours)
SAME(boolean_type, DUCKDB_TYPE_BOOLEAN); SAME(tinyint_type, DUCKDB_TYPE_TINYINT); SAME(smallint_type, DUCKDB_TYPE_SMALLINT);
SAME(integer_type, DUCKDB_TYPE_INTEGER); SAME(bigint_type, DUCKDB_TYPE_BIGINT); SAME(float_type, DUCKDB_TYPE_FLOAT);
SAME(double_type, DUCKDB_TYPE_DOUBLE); SAME(timestamp_type, DUCKDB_TYPE_TIMESTAMP); SAME(date_type, DUCKDB_TYPE_DATE);
SAME(time_type, DUCKDB_TYPE_TIME); SAME(hugeint_type, DUCKDB_TYPE_HUGEINT); SAME(varchar_type, DUCKDB_TYPE_VARCHAR);
SAME(blob_type, DUCKDB_TYPE_BLOB); SAME(decimal_type, DUCKDB_TYPE_DECIMAL); SAME(timestamp_ns_type, DUCKDB_TYPE_TIMESTAMP_NS);
SAME(timestamp_tz_type, DUCKDB_TYPE_TIMESTAMP_TZ); SAME(any_type, DUCKDB_TYPE_ANY); SAME(0, DuckDBSuccess);
SAME(sizeof(struct text), sizeof(duckdb_string_t)); SAME(offsetof(struct text, prefix), offsetof(duckdb_string_t, value.inlined.inlined));
SAME(offsetof(struct text, bytes), offsetof(duckdb_string_t, value.pointer.ptr));
SAME(sizeof(struct huge), sizeof(duckdb_hugeint)); SAME(offsetof(struct huge, high), offsetof(duckdb_hugeint, upper));
`
	compile := func(source string) ([]byte, error) {
		command := exec.Command(compiler, "-std=c11", "-fsyntax-only", "-I.", "-I"+filepath.Join(strings.TrimSpace(string(module)), "include"), "-x", "c", "-")
		command.Stdin = strings.NewReader(source)
		return command.CombinedOutput()
	}
	if output, err := compile(both); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	if _, err := compile(both + "int duckdb_vector_get_data(duckdb_vector vector);"); err == nil {
		t.Error("another declaration of a function is taken")
	}
}

// FuzzSketch feeds any bytes to the C code: it takes those that jobs take.
func FuzzSketch(f *testing.F) {
	for _, stored := range []string{"\x02\x00\x00", "\x02\x00\x01\xd3\x1d\x35", "\x02\x01", "", "\x02\x00\x82\x01"} {
		f.Add([]byte(stored))
	}
	var many sketch.Sketch
	for i := range 5000 {
		many.Add(sketch.HashInteger(int64(i)))
	}
	f.Add(many.Append(nil))
	s, err := Open(f.Context(), vfs.OS(), f.TempDir(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	f.Fuzz(func(t *testing.T, stored []byte) {
		want := "NULL|NULL"
		var whole sketch.Sketch
		if whole.TakeWhole(stored) == nil {
			want = fmt.Sprintf("%d|%X", whole.Estimate(), stored)
		}
		got, err := asked(t, s, Question{SQL: `SELECT tidemark_sketch_count($1), hex(tidemark_merge_sketches($1))`, Args: []any{stored}})
		if err != nil || got[0] != want {
			t.Fatalf("%.60q, %v instead of %.60s", got, err, want)
		}
	})
}

// benchmarkRows is how many rows BenchmarkSketches counts: -rows 50000000 for a
// measurement.
var benchmarkRows = flag.Int("rows", 50_000, "rows that BenchmarkSketches counts")

// BenchmarkSketches compares with the count that DuckDB has of its own, and checks
// both against the truth.
func BenchmarkSketches(b *testing.B) {
	s, err := Open(b.Context(), vfs.OS(), b.TempDir(), Options{MemoryMax: "4GB", Running: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	n := *benchmarkRows
	// A tenth of the rows has a user of its own; users look at random.
	setup := fmt.Sprintf("CREATE TABLE views AS SELECT CAST(hash(i) %% %d AS BIGINT) AS user_no, 'user-' || hash(i) %% %[1]d AS user_name, CAST(i %% 1000 AS INTEGER) AS campaign FROM range(%d) AS r(i)", n/10, n)
	if _, err := s.readers.ExecContext(b.Context(), setup); err != nil {
		b.Fatal(err)
	}
	for _, column := range []string{"user_no", "user_name"} {
		for _, function := range []string{"approx_count_distinct", "tidemark_distinct_count"} {
			for _, group := range []string{"", " GROUP BY campaign"} {
				b.Run(function+"("+column+")"+group, func(b *testing.B) {
					question := "SELECT sum(abs(n - exact) / exact) / count(*), count(*) FROM (SELECT " + function + "(" + column + ") AS n, %s AS exact FROM views" + group + ")"
					exact := fmt.Sprint(n / 10)
					if group != "" {
						exact = fmt.Sprintf("%d * (1 - exp(%d / -%d.0))", n/10, n/1000, n/10) // of as many users, those seen once or more
					}
					var before, after unix.Rusage
					_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
					var off float64
					for b.Loop() {
						if err := s.readers.QueryRowContext(b.Context(), fmt.Sprintf(question, exact)).Scan(&off, new(int)); err != nil {
							b.Fatal(err)
						}
					}
					_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
					if off > 0.25 {
						b.Errorf("the counts are off by %.3f", off)
					}
					cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()).Seconds()
					b.ReportMetric(float64(n)*float64(b.N)/1e6/cpu, "Mrows/CPU-s")
					b.ReportMetric(100*off, "%off")
				})
			}
		}
	}
}
