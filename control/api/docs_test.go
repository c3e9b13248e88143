package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocs_ExamplesHold sends the requests of docs/api.md to a director.
func TestDocs_ExamplesHold(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	r, n := newRig(t), 0
	for i, block := range strings.Split(string(page), "```http\n") {
		if i == 0 {
			continue
		}
		block, _, _ = strings.Cut(block, "\n```")
		request, answer, ok := strings.Cut(block, "\n\n")
		line, body, _ := strings.Cut(request, "\n")
		method, path, ok2 := strings.Cut(line, " ")
		if !ok || !ok2 {
			t.Fatalf("no request and answer: %s", block)
		}
		code, want, _ := strings.Cut(answer, "\n")
		status, _, got := r.ask(method, path, body)
		if strconv.Itoa(status) != code {
			t.Errorf("%s: status %d, want %s: %s", line, status, code, got)
			continue
		}
		if why := shows(want, got); why != "" {
			t.Errorf("%s: %s\nanswer %s", line, why, got)
		}
		n++
	}
	if n < 10 {
		t.Errorf("%d examples held, want more", n)
	}
}

// shows describes the first difference between the JSON got and the excerpt want, or
// returns an empty text.
func shows(want, got string) string {
	if want == "" {
		if got != "" {
			return "want no body"
		}
		return ""
	}
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		return "the example: " + err.Error()
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		return err.Error()
	}
	return within("", w, g)
}

func within(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for name, v := range w {
			if _, has := g[name]; !ok || !has {
				return fmt.Sprintf("%s.%s is missing", at, name)
			}
			if why := within(at+"."+name, v, g[name]); why != "" {
				return why
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s is %v, want %d of them", at, got, len(w))
		}
		for i := range w {
			if why := within(fmt.Sprintf("%s[%d]", at, i), w[i], g[i]); why != "" {
				return why
			}
		}
		return ""
	}
	if want != "…" && want != got {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	return ""
}

// docs/api.md lists exactly the codes that the program uses.
func TestDocs_NameEveryCode(t *testing.T) {
	said := map[string]bool{}
	word := regexp.MustCompile(`(?:Errorf|refuse)\((?:w, )?http\.Status\w+, "([a-z-]+)"|err\.?\w*, "([a-z-]+)", http\.Status|service\.Err\w+, "([a-z-]+)", http\.Status|Code: "([a-z-]+)"`)
	for _, folder := range []string{".", "../../inspect/why", "../../inspect/capture", "../../daemon"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, m := range word.FindAllStringSubmatch(string(text), -1) {
				said[strings.Join(m[1:], "")] = true
			}
		}
	}
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| status | code | |")
	named := map[string]bool{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(cells[2], -1) {
				named[m[1]] = true
			}
		}
	}
	if diff := cmp.Diff(said, named); diff != "" || len(said) < 10 {
		t.Errorf("codes (-said +in docs/api.md):\n%s", diff)
	}
}
