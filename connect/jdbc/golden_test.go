package jdbc

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/value"
	"tidemark/connect"
)

// typesByName are the types that the golden files use.
var typesByName = map[string]value.Type{
	"INT": value.IntType, "BIGINT": value.BigIntType, "STRING": value.StringType, "DECIMAL": value.DecimalOf(10, 2), "DOUBLE": value.DoubleType, "BYTES": value.BytesType,
	"DATE": value.DateType, "TIMESTAMP": value.TimestampOf(3), "LTZ": value.TimestampLTZOf(6), "NANOS": value.TimestampOf(9), "BOOLEAN": value.BooleanType,
	"INTS": value.ArrayOf(value.IntType), "MATRIX": value.ArrayOf(value.ArrayOf(value.IntType)), "MAP": value.MapOf(value.IntType, value.IntType),
}

// columnsOf reads columns as "name TYPE".
func columnsOf(t *testing.T, lines string) (columns []connect.Column) {
	for line := range strings.Lines(lines) {
		at := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		of, known := typesByName[strings.TrimSpace(line[at:])]
		if !known {
			t.Fatalf("no type %q", line[at:])
		}
		columns = append(columns, connect.Column{Name: line[:at], Type: of})
	}
	return columns
}

var urls = map[string]string{"mysql": "jdbc:mysql://h/d", "postgres": "jdbc:postgresql://h/d"}

// TestStatements prints what the databases are asked.
//
//	url              reads a URL
//	options          reads options, one on a line: name = value
//	statements …     prints the statements for columns: of=mysql|postgres table=… key=(positions) rows=…
func TestStatements(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := run(t, d)
			if err != nil {
				return err.Error() + "\n"
			}
			return out
		})
	})
}

func run(t *testing.T, d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "url":
		s, err := parseURL(d.Input)
		if err != nil {
			return "", err
		}
		var out strings.Builder
		fmt.Fprintf(&out, "%s\ndatabase %q user %q password %q\n", s, s.database, s.user, s.password)
		for _, name := range slices.Sorted(maps.Keys(s.properties)) {
			fmt.Fprintf(&out, "%s = %q\n", name, s.properties[name])
		}
		return out.String(), nil
	case "options":
		options := map[string]string{optionURL: urls["mysql"], optionTable: "t"}
		for line := range strings.Lines(d.Input) {
			name, text, _ := strings.Cut(strings.TrimSpace(line), " = ")
			options[name] = text
		}
		if err := Connector().Check(options, nil); err != nil {
			return "", err
		}
		s, err := settingsOf(options)
		if err != nil {
			return "", err
		}
		out := fmt.Sprintf("%s, table %s, user %q, timeout %v, retries %d and %d, %d rows\n", s.server, s.table, s.server.user, s.timeout, s.askRetries, s.writeRetries, s.writeRows)
		if p := s.partitions; p != nil {
			for split := range p.count {
				out += p.part(split, p.column) + "\n"
			}
		}
		return out, nil
	case "statements":
		return printStatements(t, d)
	}
	t.Fatalf("unknown command %s", d.Cmd)
	return "", nil
}

func printStatements(t *testing.T, d *datadriven.TestData) (string, error) {
	of, name, rows := "", "t", 1
	d.MaybeScanArgs(t, "of", &of)
	d.MaybeScanArgs(t, "table", &name)
	d.MaybeScanArgs(t, "rows", &rows)
	s, err := settingsOf(map[string]string{optionURL: urls[of], optionTable: name})
	if err != nil {
		return "", err
	}
	tab, err := newTable(s, "declared", columnsOf(t, d.Input))
	if err != nil {
		return "", err
	}
	var key []int
	for _, arg := range d.CmdArgs {
		if arg.Key == "key" {
			for _, text := range arg.Vals {
				at, err := strconv.Atoi(text)
				if err != nil {
					t.Fatal(err)
				}
				key = append(key, at)
			}
		}
	}
	out := "insert: " + tab.insert(key, rows) + "\n"
	if key != nil {
		out += "lookup: " + tab.lookup(key, rows) + "\n" + "remove: " + tab.remove(key, rows) + "\n"
		behind := &statement{dialect: tab.dialect}
		behind.behind(tab.at(key))
		out += "behind: " + behind.String() + "\n"
	}
	return out, nil
}
