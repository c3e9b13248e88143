package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
)

//go:embed assets
var assets embed.FS

// style and script stand in the page itself.
var (
	style  = asset("assets/page.css")
	script = asset("assets/page.js")
)

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"style":  func() template.CSS { return template.CSS(style) },
	"script": func() template.JS { return template.JS(script) },
}).ParseFS(assets, "assets/page.html"))

// policy lets the page run its own style and script by their hashes, ask its own
// server, and do nothing else (CSP level 3). The icon is a data: URL.
var policy = "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) +
	"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// build tells a page that was loaded from an older director that it is old.
var build = hash(style + script + asset("assets/page.html"))

func asset(name string) string {
	b, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // the compiler has embedded it
	}
	return string(b)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
