package httpapi

import (
	"archive/zip"
	"bytes"
	"context"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"

	"tidemark/base/problem"
)

// fakeProjects demands a file and answers with what it was asked.
type fakeProjects struct{}

func (fakeProjects) Plan(_ context.Context, r ProjectRequest) (ProjectPlan, error) {
	text, err := fs.ReadFile(r.Files, "ods/t.sql")
	if err != nil {
		return ProjectPlan{}, problem.New(problem.NotFound, "the folder has no table")
	}
	return ProjectPlan{Changes: r.Prune, Steps: []ProjectStep{{Action: "create", Name: r.Environment, Because: string(text)}}}, nil
}

func (f fakeProjects) Apply(ctx context.Context, r ProjectRequest) (ProjectPlan, error) {
	return f.Plan(ctx, r)
}

func archive(t *testing.T, name, text string, method uint16) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestProjects(t *testing.T) {
	w := newWorld(t, nil)
	good := archive(t, "ods/t.sql", "a table", zip.Store)
	for _, call := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"plan?env=prod&prune=true", good, 200, `{"changes":true,"steps":[{"action":"create","kind":"","name":"prod","because":"a table"}],"unchanged":0}`},
		{"apply", good, 200, `{"changes":false,`},
		{"plan", archive(t, "other.sql", "", zip.Store), 404, "the folder has no table"},
		{"plan", archive(t, "ods/t.sql", "a table", zip.Deflate), 400, "compressed"},
		{"plan", good[:len(good)-30], 400, "no zip archive"},
		{"plan", strings.Repeat("x", projectBytesMax+1), 413, "more than"},
		{"plan?prune=1", good, 400, `"field":"prune"`},
		{"plan?environment=prod", good, 400, `"field":"environment"`},
	} {
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, httptest.NewRequest("POST", "/api/v1/project/"+call.path, strings.NewReader(call.body)))
		if answer.Code != call.status || !strings.Contains(answer.Body.String(), call.says) {
			t.Errorf("%s: %d %s", call.path, answer.Code, answer.Body)
		}
	}
	without := newWorld(t, func(c *Config) { c.Projects = nil })
	answer := httptest.NewRecorder()
	without.server.ServeHTTP(answer, httptest.NewRequest("POST", "/api/v1/project/plan", strings.NewReader(good)))
	if answer.Code != 422 {
		t.Errorf("without projects: %d %s", answer.Code, answer.Body)
	}
}
