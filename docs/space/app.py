from poetvae import Poet
from poetvae.web.app import build, options

build(Poet.from_pretrained()).launch(**options())
