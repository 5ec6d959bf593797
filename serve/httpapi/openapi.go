package httpapi

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// describe writes the OpenAPI 3.1 document of the routes.
func describe(routes []route, version string) ([]byte, error) {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	api := huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Tidemark", Version: version,
			Description: "Events in, answers out. Errors are RFC 9457 problem documents. BIGINT and DECIMAL travel as strings, times as RFC 3339.",
		},
		Components: &huma.Components{Schemas: schemas},
		Paths:      map[string]*huma.PathItem{},
	}
	refusal := schemas.Schema(of[Problem](), true, "")
	schemas.Schema(of[Dashboard](), true, "") // no route has it as JSON, but the live stream carries it
	for _, r := range routes {
		api.AddOperation(operation(r, schemas, refusal))
	}
	text, err := api.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	return text, nil
}

// schemaName names the schema of a type; ours have distinct names.
func schemaName(t reflect.Type, hint string) string { return huma.DefaultSchemaNamer(t, hint) }

func operation(r route, schemas huma.Registry, refusal *huma.Schema) *huma.Operation {
	o := &huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Summary: r.summary, Description: r.detail, Tags: []string{r.tag},
		Responses: map[string]*huma.Response{"default": {Description: "A fault of the server", Content: problemContent(refusal)}},
	}
	for _, p := range r.params {
		o.Parameters = append(o.Parameters, &huma.Param{
			Name: p.name, In: p.in, Description: p.about, Required: p.required,
			Schema: &huma.Schema{Type: p.kind, Enum: p.allowed},
		})
	}
	if r.body != nil || r.bodies != nil {
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		if r.body != nil {
			o.RequestBody.Content["application/json"] = &huma.MediaType{Schema: schemas.Schema(r.body, true, "")}
		}
		for _, media := range r.bodies {
			o.RequestBody.Content[media] = &huma.MediaType{}
		}
	}
	success := &huma.Response{Description: "Done", Content: map[string]*huma.MediaType{}}
	if r.answer != nil {
		success.Content["application/json"] = &huma.MediaType{Schema: schemas.Schema(r.answer, true, "")}
	}
	for _, media := range r.answers {
		success.Content[media] = &huma.MediaType{}
	}
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	o.Responses[strconv.Itoa(status)] = success
	refuses := r.refuses
	if r.method == http.MethodPost || r.params != nil {
		refuses = append([]int{http.StatusBadRequest}, refuses...)
	}
	for _, status := range refuses {
		o.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Content: problemContent(refusal)}
	}
	return o
}

func problemContent(refusal *huma.Schema) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/problem+json": {Schema: refusal}}
}
