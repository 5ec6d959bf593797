package bind

import (
	"encoding/base64"
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/wasm"
	"tidemark/sql"
)

// wasmLanguage is what LANGUAGE says of a WebAssembly module.
const wasmLanguage = "WASM"

// exportOption is the option with the name of a module's export.
const exportOption = "export"

// Embedded is a definition that needs no file any more: it holds the code of the
// module that it named. Others are given back as they are.
func Embedded(session Session, c *sql.CreateFunction) (*sql.CreateFunction, error) {
	if c.Language != wasmLanguage || c.Code != nil {
		return c, nil
	}
	path := c.Using[0]
	if session.ReadFile == nil {
		return nil, problem.New(problem.Unsupported, "a server does not read %s", path.Text).At(path.Pos()).
			WithHint("put the statement and the file into a project, or give the module itself: USING BASE64 '…'")
	}
	code, err := session.ReadFile(path.Text)
	if err != nil {
		return nil, problem.New(problem.NotFound, "cannot read %s: %v", path.Text, err).At(path.Pos())
	}
	embedded := *c
	embedded.Using = nil
	embedded.Code = &sql.StringValue{Span: path.Span, Text: base64.StdEncoding.EncodeToString(code)}
	return &embedded, nil
}

// module compiles a function of a WebAssembly module; nil after a problem was
// reported.
func (b *binder) module(c *sql.CreateFunction) *Function {
	code, err := base64.StdEncoding.DecodeString(c.Code.Text)
	if err != nil {
		b.wrong(c.Code.Pos(), problem.InvalidQuery, "encode the module as base64 does, with padding", "the module is no BASE64: %v", err)
		return nil
	}
	module, err := wasm.Compile(code)
	if err != nil {
		b.report(c.Code.Pos(), err)
		return nil
	}
	name := c.Name.Last().Text
	f := &Function{Name: strings.ToUpper(name), Returns: c.Returns.Type}
	var types []value.Type
	for _, p := range c.Parameters {
		f.Parameters = append(f.Parameters, Parameter{Name: p.Name.Text, Type: p.Type.Type})
		types = append(types, p.Type.Type)
	}
	for _, o := range c.With {
		if o.Key.Text != exportOption {
			b.wrong(o.Key.Pos(), problem.InvalidOption, "there is only '"+exportOption+"'", "functions have no option %q", o.Key.Text)
			continue
		}
		name = o.Value.Text
	}
	var compiled *plan.Function
	if compiled, err = module.Function(name, types, c.Returns.Type); err != nil {
		b.report(c.Name.Pos(), err)
		return nil
	}
	named := *compiled
	named.Name = f.Name
	f.Compiled = &named
	return f
}
