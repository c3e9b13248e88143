package manual

import (
	"fmt"
	"strings"
)

const devices = "/sys/class/net" // where the names of interfaces are

// below is the path of a page's verbs as the completions keep it: "" for the
// command itself, " bench micro" for a verb's verb.
func (p *Page) below() string {
	var b strings.Builder
	for _, w := range p.Words[1:] {
		b.WriteString(" " + w)
	}
	return b.String()
}

// offers are the words that may follow the page's own: its verbs and flags.
func (p *Page) offers() (words []string) {
	for _, v := range p.Verbs {
		words = append(words, v.Words[len(v.Words)-1])
	}
	for _, f := range p.Flags() {
		w := "--" + f.Name
		if f.wanted() {
			w += "="
		}
		words = append(words, w)
	}
	return words
}

// Bash is the completion for bash, which needs nothing else to be installed. It
// splits words at = as bash does.
func (p *Page) Bash() string {
	var verbs, values, words strings.Builder
	p.Walk(func(p *Page) {
		for _, v := range p.Verbs {
			fmt.Fprintf(&verbs, "\t\t'%s') path=$w ;;\n", v.below())
		}
		fmt.Fprintf(&words, "\t'%s') words='%s' ;;\n", p.below(), strings.Join(p.offers(), " "))
		for _, f := range p.Flags() {
			key := fmt.Sprintf("'%s:--%s='", p.below(), f.Name)
			if f.wanted() {
				key += fmt.Sprintf(" | '%s:--%s'", p.below(), f.Name)
			}
			fmt.Fprintf(&values, "\t%s) %s; return ;;\n", key, f.bash())
		}
	})
	return `# bash completion for director. Made from its help texts.
_director() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= words= w i
	COMPREPLY=()
	if [[ $cur == = ]]; then
		cur= prev+==
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}=
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		w="$path ${COMP_WORDS[i]}"
		case $w in
` + verbs.String() + `		esac
	done
	case $path:$prev in
` + values.String() + `	esac
	case $path in
` + words.String() + `	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	if [[ ${COMPREPLY[0]-} == *= ]]; then
		compopt -o nospace 2>/dev/null
	fi
}
complete -F _director director
`
}

// bash returns the command that completes the flag's value.
func (f Flag) bash() string {
	words := strings.Join(f.choices(), " ")
	switch {
	case f.file():
		return `compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))`
	case f.device():
		words = "$(ls " + devices + ")"
	case words == "":
		return ":"
	}
	return `COMPREPLY=($(compgen -W "` + words + `" -- "$cur"))`
}

// Zsh is the completion for zsh, a file named _director.
func (p *Page) Zsh() string {
	var b strings.Builder
	b.WriteString("#compdef director\n# Made from director's help texts.\n\n")
	p.Walk(func(p *Page) {
		fmt.Fprintf(&b, "%s() {\n", p.function())
		if len(p.Verbs) == 0 {
			b.WriteString("\t_arguments")
			for _, f := range p.Flags() {
				b.WriteString(" \\\n\t\t" + f.zsh())
			}
			b.WriteString("\n}\n\n")
			return
		}
		b.WriteString("\tlocal curcontext=$curcontext state line\n\tlocal -a verbs=(\n")
		for _, v := range p.Verbs {
			fmt.Fprintf(&b, "\t\t%s\n", quote(v.Words[len(v.Words)-1]+":"+v.Summary))
		}
		b.WriteString("\t)\n\t_arguments -C '1: :->verb' '*:: :->rest'\n\tcase $state in\n" +
			"\tverb) _describe -t verbs verb verbs ;;\n\trest)\n\t\tcase $line[1] in\n")
		for _, v := range p.Verbs {
			fmt.Fprintf(&b, "\t\t%s) %s ;;\n", v.Words[len(v.Words)-1], v.function())
		}
		b.WriteString("\t\tesac ;;\n\tesac\n}\n\n")
	})
	b.WriteString("_director \"$@\"\n")
	return b.String()
}

// function is the name of the page's function in zsh.
func (p *Page) function() string { return "_" + strings.Join(p.Words, "_") }

var zshText = strings.NewReplacer(`[`, `\[`, `]`, `\]`, `:`, `\:`)

// zsh is the flag as an argument of _arguments. It may come again.
func (f Flag) zsh() string {
	spec := "*--" + f.Name
	switch {
	case f.wanted():
		spec += "="
	case f.Kind != "":
		spec += "=-"
	}
	spec += "[" + zshText.Replace(f.About) + "]"
	action := ""
	switch {
	case f.file():
		action = "_files"
	case f.device():
		action = "_files -W " + devices
	case f.choices() != nil:
		action = "(" + strings.Join(f.choices(), " ") + ")"
	}
	switch {
	case f.wanted():
		spec += ":" + zshText.Replace(f.Kind) + ":" + action
	case f.Kind != "":
		spec += "::" + zshText.Replace(f.Kind) + ":" + action
	}
	return quote(spec)
}

// Fish is the completion for fish.
func (p *Page) Fish() string {
	var b strings.Builder
	b.WriteString("# fish completion for director. Made from its help texts.\ncomplete -c director -f\n")
	p.Walk(func(p *Page) {
		var there []string
		for _, w := range p.Words[1:] {
			there = append(there, "__fish_seen_subcommand_from "+w)
		}
		free := there // and none of the page's verbs yet
		if len(p.Verbs) > 0 {
			var verbs []string
			for _, v := range p.Verbs {
				verbs = append(verbs, v.Words[len(v.Words)-1])
			}
			free = append(there[:len(there):len(there)], "not __fish_seen_subcommand_from "+strings.Join(verbs, " "))
		}
		for _, v := range p.Verbs {
			fmt.Fprintf(&b, "complete -c director -n %s -a %s -d %s\n",
				fishQuote(strings.Join(free, "; and ")), v.Words[len(v.Words)-1], fishQuote(v.Summary))
		}
		for _, f := range p.Flags() {
			fmt.Fprintf(&b, "complete -c director -n %s -l %s%s -d %s\n",
				fishQuote(strings.Join(there, "; and ")), f.Name, f.fish(), fishQuote(f.About))
		}
	})
	return b.String()
}

// fish is how the flag takes its value.
func (f Flag) fish() string {
	switch {
	case !f.wanted():
		return " -a '" + strings.Join(f.choices(), " ") + "'"
	case f.file():
		return " -r -F"
	case f.device():
		return " -x -a '(ls " + devices + ")'"
	case f.choices() != nil:
		return " -x -a '" + strings.Join(f.choices(), " ") + "'"
	}
	return " -x"
}

// quote makes one word of s for the shells that follow Bourne's.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fishQuote does so for fish, where a backslash counts between quotes, too.
func fishQuote(s string) string { return quote(strings.ReplaceAll(s, `\`, `\\`)) }
