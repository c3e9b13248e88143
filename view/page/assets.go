package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
)

//go:embed assets
var assets embed.FS

// style and script are parts of the page itself.
var (
	style  = asset("assets/page.css")
	script = asset("assets/page.js")
)

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"style":  func() template.CSS { return template.CSS(style) },
	"script": func() template.JS { return template.JS(script) },
}).ParseFS(assets, "assets/page.html"))

// policy allows the page to use its own style and script, identified by their hashes, and
// to ask its own server. Everything else is forbidden (CSP level 3). The icon is a data:
// URL.
var policy = "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) +
	"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// build identifies the page, so that a page from an older director can tell that it is
// outdated.
var build = hash(style + script + asset("assets/page.html"))

func asset(name string) string {
	b, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // the files are embedded, so this cannot happen
	}
	return string(b)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
