package xrpc_test

// The fake lexicons have one method for every shape that a method can have.
var fakeLexicons = []string{
	`{"lexicon":1,"id":"com.example.ping","defs":{"main":{"type":"query","parameters":{"type":"params","properties":{
		"did":{"type":"string","format":"did"},"limit":{"type":"integer","minimum":1,"maximum":100,"default":50},
		"flag":{"type":"boolean"},"names":{"type":"array","items":{"type":"string"},"maxLength":3},
		"nsids":{"type":"array","items":{"type":"string","format":"nsid"}},"cursor":{"type":"string"}}},
		"output":{"encoding":"application/json","schema":{"type":"object","required":["limit"],"properties":{"limit":{"type":"integer"}}}}}}}`,
	`{"lexicon":1,"id":"com.example.secret","defs":{"main":{"type":"query","parameters":{"type":"params","required":["did"],"properties":{"did":{"type":"string","format":"did"}}},
		"output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.echo","defs":{"main":{"type":"procedure","input":{"encoding":"application/json","schema":{"type":"object","required":["text"],
		"properties":{"text":{"type":"string"},"n":{"type":"integer","default":7},"did":{"type":"string","format":"did"}}}},"output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.secretEcho","defs":{"main":{"type":"procedure","input":{"encoding":"application/json","schema":{"type":"object","properties":{}}}}}}`,
	`{"lexicon":1,"id":"com.example.record","defs":{"main":{"type":"procedure","input":{"encoding":"application/json","schema":{"type":"object","required":["record"],
		"properties":{"record":{"type":"unknown"}}}},"output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.raw","defs":{"main":{"type":"procedure","input":{"encoding":"application/json"},"output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.act","defs":{"main":{"type":"procedure"}}}`,
	`{"lexicon":1,"id":"com.example.blob","defs":{"main":{"type":"procedure","input":{"encoding":"*/*"},"output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.import","defs":{"main":{"type":"procedure","input":{"encoding":"application/vnd.ipld.car"}}}}`,
	`{"lexicon":1,"id":"com.example.note","defs":{"main":{"type":"procedure","input":{"encoding":"text/plain"}}}}`,
	`{"lexicon":1,"id":"com.example.file","defs":{"main":{"type":"query","parameters":{"type":"params","properties":{
		"size":{"type":"integer"},"fail":{"type":"integer"}}},"output":{"encoding":"application/vnd.ipld.car"}}}}`,
	`{"lexicon":1,"id":"com.example.image","defs":{"main":{"type":"query","parameters":{"type":"params","properties":{"size":{"type":"integer"},"announce":{"type":"integer"}}},"output":{"encoding":"*/*"}}}}`,
	`{"lexicon":1,"id":"com.example.movie","defs":{"main":{"type":"query","parameters":{"type":"params","properties":{"size":{"type":"integer"},"broken":{"type":"integer"}}},"output":{"encoding":"*/*"}}}}`,
	`{"lexicon":1,"id":"com.example.big","defs":{"main":{"type":"query","output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.fail","defs":{"main":{"type":"query","parameters":{"type":"params","properties":{"how":{"type":"string"}}},"output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.wait","defs":{"main":{"type":"query","output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.waitPost","defs":{"main":{"type":"procedure","input":{"encoding":"application/json"},"output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.watch","defs":{"main":{"type":"subscription","parameters":{"type":"params","properties":{"cursor":{"type":"integer"}}},"message":{"schema":{"type":"union","refs":[]}}}}}`,
	`{"lexicon":1,"id":"com.example.elsewhere","defs":{"main":{"type":"query","output":{"encoding":"application/json"}}}}`,
	`{"lexicon":1,"id":"com.example.loose","defs":{"main":{"type":"query","parameters":{"type":"params","properties":{"names":{"type":"array","items":{"type":"string"}}}},"output":{"encoding":"application/json"}}}}`,
}
