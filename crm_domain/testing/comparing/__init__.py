"""Where does a backend part from the model, and which laws does it break there?"""
