package parse_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tidemark/sql"
	"tidemark/sql/parse"
)

// Inspect visits every expression, query and relation that the fields of the
// tree lead to, which reflection finds without knowing the types.
func TestInspectVisitsEverything(t *testing.T) {
	files, err := filepath.Glob("../dialect/testdata/print/*")
	if err != nil || len(files) == 0 {
		t.Fatal("no statements", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var script strings.Builder
		for _, block := range strings.Split(string(source), "print\n") {
			text, _, _ := strings.Cut(block, "\n----")
			script.WriteString(text + "\n;\n")
		}
		statements, problems := parse.Script("", script.String())
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if len(statements) < 3 {
			t.Errorf("%s: only %d statements", file, len(statements))
		}
		for _, s := range statements {
			visited := make(map[sql.Node]bool)
			sql.Inspect(s, func(n sql.Node) bool {
				visited[n] = true
				return true
			})
			eachNode(reflect.ValueOf(s), func(n sql.Node) {
				switch n.(type) {
				case sql.Expr, sql.QueryBody, sql.Relation, *sql.Query, sql.TableElement, sql.Pattern:
					if !visited[n] {
						t.Errorf("%s: %T at %v is not visited", file, n, n.Pos())
					}
				}
			})
		}
	}
}

// eachNode calls found with every pointer to a node below v.
func eachNode(v reflect.Value, found func(sql.Node)) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			eachNode(v.Elem(), found)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if n, ok := v.Interface().(sql.Node); ok {
			found(n)
		}
		eachNode(v.Elem(), found)
	case reflect.Struct:
		for i := range v.NumField() {
			eachNode(v.Field(i), found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachNode(v.Index(i), found)
		}
	}
}
