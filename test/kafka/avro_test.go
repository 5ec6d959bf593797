package kafka

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	peers "tidemark/test/cluster"
)

// Columns that Avro has a form for, and rows of them.
const (
	avroColumns = `id BIGINT NOT NULL, small TINYINT, n INT, f FLOAT, d DOUBLE, exact DECIMAL(20, 4), name STRING NOT NULL, bytes_ BYTES, yes BOOLEAN,
  born DATE, clock TIME(0), ts TIMESTAMP(3), tags ARRAY<STRING>, counts MAP<STRING, BIGINT>, place ROW<city STRING, spot ROW<x DOUBLE, y DOUBLE>>`
	avroRows = `
SELECT 1, CAST(-3 AS TINYINT), 70000, CAST(1.5 AS FLOAT), 1e300, CAST(-12345678901.2345 AS DECIMAL(20, 4)), 'één', CAST(x'00ff0a' AS BYTES), TRUE,
  DATE '1969-12-31', TIME '23:59:59', TIMESTAMP '2024-02-29 10:00:00.123', ARRAY['a', '', 'b'], MAP['k', CAST(9 AS BIGINT)], ROW('Rome', ROW(CAST(1.25 AS DOUBLE), CAST(-2 AS DOUBLE)))
UNION ALL
SELECT 2, CAST(NULL AS TINYINT), CAST(NULL AS INT), CAST(NULL AS FLOAT), CAST(NULL AS DOUBLE), CAST(NULL AS DECIMAL(20, 4)), '', CAST(NULL AS BYTES), CAST(NULL AS BOOLEAN),
  CAST(NULL AS DATE), CAST(NULL AS TIME(0)), CAST(NULL AS TIMESTAMP(3)), CAST(NULL AS ARRAY<STRING>), CAST(NULL AS MAP<STRING, BIGINT>), CAST(NULL AS ROW<city STRING, spot ROW<x DOUBLE, y DOUBLE>>)`
)

// TestAvroWithFlink writes Avro here and on a real Flink, and reads it on both: in
// messages, in messages that name their schema in a registry, and in files.
func TestAvroWithFlink(t *testing.T) {
	c := newCluster(t)
	if _, err := peers.Home("flink/lib"); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("SKIPPED: java is not here")
	}
	stop, err := peers.StartFlink(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	registry := srfake.New()
	t.Cleanup(registry.Close)
	onFlink := func(script string) []string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "script.sql")
		if err := os.WriteFile(file, []byte(c.fill(script)), 0o644); err != nil {
			t.Fatal(err)
		}
		command := peers.Exec(t.Context(), file, "--mode", "streaming")
		var said strings.Builder
		command.Stderr = &said
		out, err := command.Output()
		if err != nil {
			t.Fatalf("Flink: %v\n%s", err, said.String())
		}
		var rows []string
		for line := range strings.Lines(string(out)) {
			var cells []*string
			if json.Unmarshal([]byte(line), &cells) != nil {
				continue // the header
			}
			var texts []string
			for _, cell := range cells {
				if cell == nil {
					texts = append(texts, "NULL")
				} else {
					texts = append(texts, *cell)
				}
			}
			rows = append(rows, strings.Join(texts, " "))
		}
		slices.Sort(rows)
		return rows
	}
	here := func(script string) []string {
		t.Helper()
		return strings.Split(strings.TrimSuffix(c.exec(script, true), "\n"), "\n")
	}
	files := t.TempDir()
	for _, form := range []struct{ name, with string }{
		{"avro", "'connector' = 'kafka', 'topic' = '${T}%[2]s', 'properties.bootstrap.servers' = '${BROKER}', 'properties.group.id' = 'avro', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'avro'"},
		{"confluent", "'connector' = 'kafka', 'topic' = '${T}%[2]s', 'properties.bootstrap.servers' = '${BROKER}', 'properties.group.id' = 'avro', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'avro-confluent', 'avro-confluent.url' = '" + registry.URL() + "'"},
		{"files", "'connector' = 'filesystem', 'path' = '" + files + "/%[2]s', 'format' = 'avro'"},
	} {
		var written [2][]string
		for i, writer := range []func(string) []string{here, onFlink} {
			name := fmt.Sprintf("%s-%d", form.name, i)
			if form.name != "files" {
				c.create(name, 1)
			}
			table := fmt.Sprintf("CREATE TABLE t (%s) WITH ("+form.with+");\n", avroColumns, name)
			writer(table + "INSERT INTO t " + avroRows + ";\n")
			for k, reader := range []func(string) []string{here, onFlink} {
				rows := reader(table + "SELECT * FROM t;\n")
				if len(rows) != 2 {
					t.Errorf("%s: written by %d, read by %d: %q", form.name, i, k, rows)
				}
				if written[i] == nil {
					written[i] = rows
				} else if diff := cmp.Diff(written[i], rows); diff != "" {
					t.Errorf("%s, written by %d: Flink reads something else: %s", form.name, i, diff)
				}
			}
		}
		if diff := cmp.Diff(written[0], written[1]); diff != "" {
			t.Errorf("%s: Flink writes something else: %s", form.name, diff)
		}
	}
}
