package account

func sweepExpired(b *batch, m SweepExpired) (x Expired, err error) {
	if x.RefreshTokens, x.Next, err = b.SweepRefreshTokens(m.After, m.Before); err != nil {
		return x, err
	}
	if x.EmailTokens, err = b.SweepEmailTokens(m.Before); err != nil {
		return x, err
	}
	if x.Mail, err = b.SweepMail(m.Before); err != nil {
		return x, err
	}
	x.OAuth, err = b.SweepOAuth(m.Before)
	return x, err
}
