package account

import "strings"

// reserved are labels that nobody gets under a service domain: words of the
// protocol, host names that mail, certificate and service software looks for,
// and names a reader would take for the operator's. Labels shorter than three
// characters are refused anyway.
var reserved = makeSet(`
atp atproto plc pds did repo tid nsid xrpc lex lexicon handle bsky bluesky relay appview labeler feedgen

about abuse account accounts admin administrator administration all api app apps archive assets auth
authorize autoconfig autodiscover backup beta billing blog blogs board bot broadcasthost build cache
calendar cdn chat checkout ci cloud cname code community config console contact content cpanel dashboard
data database demo dev developer developers devel dns docs doc domain domains download downloads email
events example faq feed feedback feeds file files firewall forum forums ftp gateway git graphql guest
help helpdesk home host hosting hostmaster hostname http https image images img imap index info internal
intranet invite invites isatap jobs json kb lab labs ldap legal list lists localdomain localhost log
login logout logs mail mailer mailer-daemon mailserver manage manager map maps marketing media member
members message messages metrics mobile moderation moderator monitor monitoring mta music mysql name news
newsletter nobody noc node noreply no-reply notify notifications ns0 ns1 ns2 ns3 ntp null oauth official
online open operator order owner page pages partner partners password pay payment payments photo photos
pop pop3 portal postmaster press preview privacy private prod production profile profiles proxy public
register registration remote report reports root rss sales sandbox search secure security server servers
service services session settings setup sftp share shop signin signup site sitemap sites smtp source spam
sql ssh ssl sso staff stage staging stat static statistics stats status storage store stream sub
subscribe super superuser support survey sys sysadmin system team terms test testing tests tls tmp token
tools trust tutorial undefined update upload uploads usenet user username users uucp verify version video
videos vpn web webdisk webhook webhooks webmail webmaster websocket whm whois wiki wpad www www1 www2
`)

func makeSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}
