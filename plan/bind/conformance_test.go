package bind_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
)

const casesPath = "../../test/conformance/cases"

// TestConformanceTypes binds every recorded case in all its modes and compares the names and
// types of the result's columns with Flink's. testdata/conformance.txt holds
// what was reached, which may only grow; areas whose clauses are all built must
// have nothing wrong.
func TestConformanceTypes(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(casesPath, "*", "*", "case.sql"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases under %s: %v", casesPath, err)
	}
	counts := map[string]*tally{}
	for _, path := range paths {
		area := filepath.Base(filepath.Dir(filepath.Dir(path)))
		name := area + "/" + filepath.Base(filepath.Dir(path))
		if counts[area] == nil {
			counts[area] = &tally{}
		}
		outcome, detail := tryCase(t, filepath.Dir(path))
		switch outcome {
		case bound:
			counts[area].bound++
		case refused:
			counts[area].refused++
			t.Logf("%s refused: %s", name, detail)
		case unsupported:
			counts[area].unsupported++
			t.Logf("%s unsupported: %s", name, detail)
		case wrong:
			counts[area].wrong++
			t.Logf("%s WRONG: %s", name, detail)
		}
	}
	floors := readFloors(t)
	var areas []string
	for area := range counts {
		areas = append(areas, area)
	}
	slices.Sort(areas)
	for _, area := range areas {
		c := counts[area]
		t.Logf("%-10s bound %3d  refused as it must %3d  unsupported %3d  wrong %3d", area, c.bound, c.refused, c.unsupported, c.wrong)
		floor, ok := floors[area]
		if !ok {
			t.Errorf("testdata/conformance.txt has no line for %s", area)
			continue
		}
		if good := c.bound + c.refused; good < floor.good || c.wrong > floor.wrong {
			t.Errorf("%s: %d good and %d wrong, but testdata/conformance.txt has %d and %d", area, good, c.wrong, floor.good, floor.wrong)
		}
	}
}

// tally counts the outcomes of an area.
type tally struct{ bound, refused, unsupported, wrong int }

// outcome is what became of a case.
type outcome uint8

const (
	bound       outcome = iota // names and types as in Flink
	refused                    // refused, and Flink refuses it too
	unsupported                // refused as not built
	wrong                      // anything else
)

type expectation struct {
	Columns [][2]string `json:"columns"`
	Modes   map[string]struct {
		Error string `json:"error"`
	} `json:"modes"`
}

func tryCase(t *testing.T, dir string) (outcome, string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(dir, "case.sql"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected expectation
	if err := json.Unmarshal(raw, &expected); err != nil {
		t.Fatal(err)
	}
	for mode, answer := range expected.Modes {
		columns, err := bindCase(string(source), mode == "streaming")
		switch {
		case err != nil && someUnsupported(err):
			return unsupported, err.Error()
		case err != nil && answer.Error != "":
			return refused, err.Error()
		case err != nil:
			return wrong, mode + ": " + err.Error()
		case answer.Error != "":
			continue // fails when it runs, or when a connector looks at it
		}
		if diff := cmp.Diff(expected.Columns, columns); diff != "" {
			return wrong, mode + ": " + diff
		}
	}
	return bound, ""
}

// bindCase binds a script and gives the columns of its last query.
func bindCase(source string, streaming bool) ([][2]string, error) {
	m := newMemory(streaming)
	statements, problems := parse.Script("", source)
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	var columns [][2]string
	for _, s := range statements {
		done, err := m.define(source, s)
		if err != nil {
			return nil, err
		}
		if done {
			continue
		}
		switch s := s.(type) {
		case *sql.QueryStatement:
			q, err := bind.Query(m, m.session, s.Query)
			if err != nil {
				return nil, err
			}
			columns = nil
			for _, c := range q.Plan.Schema() {
				// The cases have the fields of a ROW without backticks.
				columns = append(columns, [2]string{c.Name, strings.ReplaceAll(c.Type.String(), "`", "")})
			}
		case *sql.Use, *sql.CreateDatabase, *sql.CreateCatalog:
			return nil, problem.New(problem.Unsupported, "other catalogs than the one there is")
		case *sql.Insert:
			if _, _, err := bind.Insert(m, m.session, s); err != nil {
				return nil, err
			}
		}
	}
	return columns, nil
}

func someUnsupported(err error) bool {
	for _, p := range problem.All(err) {
		if p.Code == problem.Unsupported {
			return true
		}
	}
	return false
}

type floor struct{ good, wrong int }

func readFloors(t *testing.T) map[string]floor {
	t.Helper()
	raw, err := os.ReadFile("testdata/conformance.txt")
	if err != nil {
		t.Fatal(err)
	}
	floors := map[string]floor{}
	for line := range strings.Lines(string(raw)) {
		var area string
		var f floor
		if n, _ := fmt.Sscanf(line, "%s good %d wrong %d", &area, &f.good, &f.wrong); n == 3 {
			floors[area] = f
		}
	}
	return floors
}
